package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/gate"
)

// site is an API with two concerts, of which nocturne has 2 groups: 2 rows of 3 seats, and 500 standing places.
type site struct {
	*httptest.Server
	keys    ticketcode.Set
	revoked []ticketcode.Code
	change  func(path string, body []byte) []byte
	asOf    contracts.Instant
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{keys: ticketcode.FirstKey(bytes.Repeat([]byte{3}, 32)), asOf: contracts.InstantOf(doors.Add(-time.Hour))}
	concert := func(id string) string {
		// The arena's evening in New York is the next day in UTC.
		at, zone := "2030-09-14T18:00:00.000Z", "Europe/Vienna"
		if id == "arena" {
			at, zone = "2030-09-15T00:30:00.000Z", "America/New_York"
		}
		return fmt.Sprintf(`{"id":%q,"title":"Title of %s","startsAt":%q,"timeZone":%q,"layoutVersion":2,"status":"over"}`, id, id, at, zone)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		switch r.URL.RequestURI() {
		case "/api/concerts/nocturne":
			body = []byte(concert("nocturne"))
		case "/api/concerts?limit=100":
			body = []byte(`{"concerts":[` + concert("nocturne") + `],"nextCursor":"n+1"}`)
		case "/api/concerts?limit=100&cursor=n%2B1":
			body = []byte(`{"concerts":[` + concert("arena") + `]}`)
		case "/api/concerts/nocturne/layout?version=2":
			body = []byte(`{"concertId":"nocturne","layoutVersion":2,"groups":[
				{"group":"A","section":"s1","kind":"seats","rows":[{"name":"1","prefix":"A-1-","count":3},{"name":"2","prefix":"A-2-","count":3}]},
				{"group":"F","section":"floor","kind":"area","rows":[{"name":"floor","prefix":"F-","count":500,"digits":4}]}],
				"geometry":{"sections":{"s1":{"name":"stalls"}}}}`)
		case "/api/concerts/nocturne/revocations":
			key, _ := s.keys.Signing(doors)
			list, err := key.Revoke("nocturne", s.asOf, slices.Clone(s.revoked))
			if err != nil {
				t.Error(err)
			}
			body, _ = json.Marshal(list)
		case "/api/.well-known/ticket-keys.json":
			body, _ = s.keys.Published()
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		if s.change != nil {
			body = s.change(r.URL.Path, body)
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s
}

var doors = time.Date(2030, 9, 14, 17, 0, 0, 0, time.UTC)

// sign makes the text of a ticket of a concert.
func (s *site) sign(concert string, group, place int, ticket string, keyNumber int) string {
	key, _ := s.keys.Signing(doors)
	seat, _ := ticketcode.SeatAt(group, place)
	return key.Encode(concert, seat, ticketcode.CodeOf(contracts.TicketID(ticket), keyNumber))
}

// booth is a machine with the program. Its clock moves a second with each look.
type booth struct {
	t    testing.TB
	data string
	site *site
	now  time.Time
}

func newBooth(t testing.TB, s *site) *booth {
	t.Helper()
	return &booth{t, t.TempDir(), s, doors}
}

func (b *booth) run(in string, args ...string) (code int, out, notes string) {
	b.t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), program{in: strings.NewReader(in), out: &o, err: &e, now: func() time.Time {
		b.now = b.now.Add(time.Second)
		return b.now
	}}, append(args, "--data", b.data))
	return code, o.String(), e.String()
}

func (b *booth) fetch() {
	b.t.Helper()
	if code, out, notes := b.run("", "fetch", "--concert", "nocturne", "--api", b.site.URL+"/api"); code != 0 || !strings.Contains(out, "2 seat groups, 1 keys") {
		b.t.Fatalf("%d %s %s", code, out, notes)
	}
}

// check returns the results of codes.
func (b *booth) check(want int, in string, args ...string) (results []gate.Result) {
	b.t.Helper()
	code, out, notes := b.run(in, append([]string{"check", "--concert", "nocturne", "--json"}, args...)...)
	if code != want {
		b.t.Fatalf("exit code %d, want %d: %s %s", code, want, out, notes)
	}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var r gate.Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			b.t.Fatalf("%v: %s", err, line)
		}
		results = append(results, r)
	}
	return results
}

func reasons(results []gate.Result) (all []string) {
	for _, r := range results {
		word := string(r.Reason)
		if r.Admitted {
			word = "admitted"
		}
		all = append(all, word)
	}
	return all
}

// Each kind of ticket that must not pass is refused with its own reason, and offline: the site is gone after the fetch.
func TestWhoPasses(t *testing.T) {
	s := newSite(t)
	s.revoked = []ticketcode.Code{ticketcode.CodeOf("t-refunded", 0), ticketcode.CodeOf("t-rekeyed", 0)}
	good := s.sign("nocturne", 0, 4, "t-1", 0)
	forger := &site{keys: ticketcode.FirstKey(bytes.Repeat([]byte{4}, 32))}
	next, err := s.keys.Add(bytes.Repeat([]byte{5}, 32), doors.Add(-time.Hour*1000))
	if err != nil {
		t.Fatal(err)
	}
	later := &site{keys: next}
	b := newBooth(t, s)
	b.fetch()
	s.Close()
	changed := []byte(good)
	changed[3] = '1'
	cases := []struct{ scanned, want string }{
		{good, "admitted"},
		{good, "already_entered"},
		{good[:119], "unreadable"},
		{good[:60], "unreadable"},
		{"https://example.org/" + strings.Repeat("a", 100), "unreadable"},
		{string(changed), "forged"},
		{forger.sign("nocturne", 0, 0, "t-2", 0), "forged"},
		{s.sign("of-another-site", 0, 0, "t-2", 0), "forged"},
		{s.sign("arena", 0, 0, "t-2", 0), "another_concert"},
		{later.sign("nocturne", 0, 0, "t-2", 0), "unknown_key"},
		{strings.Repeat("0", 120), "unknown_version"},
		{s.sign("nocturne", 0, 6, "t-2", 0), "unknown_seat"},
		{s.sign("nocturne", 2, 0, "t-2", 0), "unknown_seat"},
		{s.sign("nocturne", 0, 1, "t-refunded", 0), "revoked"},
		{s.sign("nocturne", 0, 2, "t-rekeyed", 0), "revoked"},
		{s.sign("nocturne", 0, 2, "t-rekeyed", 1), "admitted"},
		{"]Q1" + s.sign("nocturne", 1, 41, "t-3", 0), "admitted"},
		{"\x02" + s.sign("nocturne", 1, 43, "t-5", 0) + "\x03\x04\x00", "admitted"},
		{"  " + strings.ToLower(s.sign("nocturne", 1, 42, "t-4", 0)) + " \t", "admitted"},
	}
	in, want := "", []string{}
	for i, c := range cases {
		in += c.scanned + []string{"\n", "\r\n", "\r"}[i%3]
		want = append(want, c.want)
	}
	results := b.check(3, in)
	if got := reasons(results); !slices.Equal(got, want) {
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%d: %s, want %s: %+v", i, got[i], want[i], results[i])
			}
		}
	}
	if seat := results[0].Seat; seat == nil || *seat != (gate.Seat{Section: "stalls", Row: "2", Number: 2, Name: "A-2-2"}) || results[0].Detail != "stalls, row 2, seat 2." {
		t.Errorf("%+v", results[0])
	}
	if first := results[1].First; first == nil || first.At != results[0].At || !strings.Contains(results[1].Detail, "with this ticket at "+first.At.String()) {
		t.Errorf("%+v", results[1])
	}
	if seat := results[16].Seat; seat == nil || seat.Name != "F-0042" || results[16].Detail != "floor, standing place 42." {
		t.Errorf("%+v", results[16])
	}
	if !strings.Contains(results[8].Detail, "Title of arena on 14 September 2030") {
		t.Errorf("%+v", results[8])
	}
	// The entries outlive the program.
	if again := b.check(3, good+"\n"); reasons(again)[0] != "already_entered" || again[0].First.At != results[0].At {
		t.Errorf("%+v", again)
	}
	code, out, notes := b.run(s.sign("nocturne", 0, 0, "t-9", 0), "check", "--concert", "nocturne")
	if code != 0 || out != "OK      stalls, row 1, seat 1.\n" || !strings.Contains(notes, "5 tickets have entered") || !strings.Contains(notes, "1 codes, 1 admitted, 0 refused") {
		t.Errorf("%d %q %s", code, out, notes)
	}
}

// After a rotation a gate accepts tickets of both keys.
func TestTicketsOfBothKeysPass(t *testing.T) {
	s := newSite(t)
	old := s.sign("nocturne", 0, 0, "t-1", 0)
	var err error
	if s.keys, err = s.keys.Add(bytes.Repeat([]byte{5}, 32), doors.Add(-ticketcode.PublishedBefore)); err != nil {
		t.Fatal(err)
	}
	b := newBooth(t, s)
	b.run("", "fetch", "--concert", "nocturne", "--api", s.URL+"/api")
	if got := reasons(b.check(0, old+"\n"+s.sign("nocturne", 0, 1, "t-2", 0)+"\n")); !slices.Equal(got, []string{"admitted", "admitted"}) {
		t.Errorf("%q", got)
	}
}

// A list is old by the instant as of which it is complete. Its age is always said.
func TestOldLists(t *testing.T) {
	s := newSite(t)
	s.asOf = contracts.InstantOf(doors.Add(-13 * time.Hour))
	b := newBooth(t, s)
	b.fetch()
	for _, c := range []struct {
		args []string
		want int
		says string
	}{
		{nil, 0, "warning: the list of revoked codes is old"}, {[]string{"--old-list", "refuse"}, 1, "run gate fetch"}, {[]string{"--max-age", "14h"}, 0, "13h0m"},
		{[]string{"--max-age", "14h", "--old-list", "refuse"}, 0, "as of 2030-09-14T04:00:00.000Z"}, {[]string{"--old-list", "x"}, 2, "--help"},
	} {
		if code, _, notes := b.run("", append([]string{"check", "--concert", "nocturne"}, c.args...)...); code != c.want || !strings.Contains(notes, c.says) {
			t.Errorf("%q: %d %s", c.args, code, notes)
		}
	}
	b.now = doors.Add(ticketcode.PublishedBefore + time.Hour)
	if _, _, notes := b.run("", "check", "--concert", "nocturne"); !strings.Contains(notes, "the keys were fetched") {
		t.Errorf("old keys: %s", notes)
	}
}

// What does not fit is not stored, and what was stored before stays.
func TestFetchStoresAllOrNothing(t *testing.T) {
	s := newSite(t)
	b := newBooth(t, s)
	b.fetch()
	before := b.check(0, s.sign("nocturne", 0, 0, "t-1", 0))
	for name, change := range map[string]func(path string, body []byte) []byte{
		"revocations of another concert": func(path string, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"concertId":"nocturne"`), []byte(`"concertId":"arena"`))
		},
		"a changed list": func(path string, body []byte) []byte {
			if strings.HasSuffix(path, "revocations") {
				return bytes.Replace(body, []byte(`"codes":[`), []byte(`"codes":["AAAAAAAAAAAAAA"`), 1)
			}
			return body
		},
		"no keys": func(path string, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte("Ed25519"), []byte("X25519"))
		},
		"another layout": func(path string, body []byte) []byte {
			if strings.HasSuffix(path, "layout") {
				return bytes.Replace(body, []byte(`"layoutVersion":2`), []byte(`"layoutVersion":3`), 1)
			}
			return body
		},
		"half an answer": func(path string, body []byte) []byte { return body[:len(body)/2] },
	} {
		s.change = change
		if code, out, _ := b.run("", "fetch", "--concert", "nocturne", "--api", s.URL+"/api"); code != 1 || out != "" {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	if after := b.check(3, s.sign("nocturne", 0, 0, "t-1", 0)); after[0].First == nil || after[0].First.At != before[0].At {
		t.Errorf("%+v", after)
	}
	for _, args := range [][]string{
		{"fetch", "--concert", "none", "--api", s.URL + "/api"}, {"check", "--concert", "arena"}, {"check", "--concert", "nocturne", "/nowhere"},
	} {
		if code, _, notes := b.run("", args...); code != 1 || notes == "" {
			t.Errorf("%q: %d %s", args, code, notes)
		}
	}
	for _, args := range [][]string{
		{"check"}, {}, {"open"}, {"merge"}, {"check", "--concert", ".."}, {"fetch", "--concert", "../x", "--api", s.URL + "/api"},
		{"fetch", "--concert", "nocturne", "--api", "http://gate.example/api"}, {"fetch", "--concert", "nocturne", "--api", "gate.example/api"},
	} {
		if code, _, notes := b.run("", args...); code != 2 || notes == "" {
			t.Errorf("%q: %d %s", args, code, notes)
		}
	}
	if code, out, _ := b.run("", "--help"); code != 0 || !strings.Contains(out, "Exit codes") {
		t.Errorf("help: %d %s", code, out)
	}
}

// A crash in the middle of a line loses that line alone; damage anywhere else is not passed over.
func TestEntriesAfterACrash(t *testing.T) {
	s := newSite(t)
	b := newBooth(t, s)
	b.fetch()
	texts := []string{s.sign("nocturne", 0, 0, "t-1", 0), s.sign("nocturne", 0, 1, "t-2", 0), s.sign("nocturne", 0, 2, "t-3", 0)}
	b.check(0, strings.Join(texts, "\n"))
	path := filepath.Join(b.data, "nocturne", "entries.jsonl")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for n := last; n < len(whole); n++ {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		// The rest of the line is gone, whatever is written next.
		entries, torn, err := gate.Open(path, "north")
		if err != nil || torn != n-last || entries.Close() != nil {
			t.Fatalf("cut at %d: %d bytes are torn, %v", n, torn, err)
		}
		if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, whole[:last]) {
			t.Fatalf("cut at %d: kept %q, %v", n, kept, err)
		}
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, notes := b.run(texts[1]+"\n"+texts[2], "check", "--concert", "nocturne")
		if torn := n > last; code != 3 || strings.Contains(notes, "not written to its end") != torn || !strings.Contains(notes, "2 tickets have entered") || !strings.Contains(notes, "1 admitted, 1 refused") {
			t.Fatalf("cut at %d of %d: %d %s", n, len(whole), code, notes)
		}
		if got := b.check(3, strings.Join(texts, "\n")); !slices.Equal(reasons(got), []string{"already_entered", "already_entered", "already_entered"}) {
			t.Fatalf("cut at %d: %q", n, reasons(got))
		}
	}
	for _, damaged := range []string{"x" + string(whole), string(whole[:20]) + "\n" + string(whole), "\n" + string(whole), "{}\n", strings.Replace(string(whole), "\n", " junk\n", 1)} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, notes := b.run("", "check", "--concert", "nocturne"); code != 1 || !strings.Contains(notes, "damaged") {
			t.Errorf("%.30q: %d %s", damaged, code, notes)
		}
	}
}

// One file has one gate: two would admit a ticket twice.
func TestTwoGatesCannotShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "entries.jsonl")
	first, _, err := gate.Open(path, "north")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := gate.Open(path, "south"); err == nil {
		t.Fatal("a second gate opened the file")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, _, err := gate.Open(path, "south")
	if err != nil {
		t.Fatal(err)
	}
	// A link is another name of the same file, and a gate must not be deceived by it.
	soft, hard := path+"-soft", path+"-hard"
	if err := errors.Join(os.Symlink(path, soft), os.Link(path, hard)); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{soft, hard} {
		if _, _, err := gate.Open(other, "east"); err == nil || !strings.Contains(err.Error(), "another gate uses it") {
			t.Errorf("a second gate opened the file as %s: %v", filepath.Base(other), err)
		}
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

// An entry that cannot be stored admits nobody.
func TestNobodyIsAdmittedWithoutARecord(t *testing.T) {
	entries, _, err := gate.Open(filepath.Join(t.TempDir(), "entries.jsonl"), "north")
	if err != nil {
		t.Fatal(err)
	}
	if err := entries.Close(); err != nil {
		t.Fatal(err)
	}
	entry := gate.Entry{Code: ticketcode.Code{1}, At: 1, Gate: "north", Seat: "A-1-1"}
	for range 2 {
		if err := entries.Add(entry); err == nil {
			t.Error("stored in a closed file")
		}
	}
	if _, found := entries.Find(entry.Code); found {
		t.Error("the entry is known")
	}
}

// Two gates that were apart: the earliest entry counts, doubles are reported, and the merged file goes on at both.
func TestMerge(t *testing.T) {
	s := newSite(t)
	north, south := newBooth(t, s), newBooth(t, s)
	south.now = doors.Add(time.Minute)
	both, only, late := s.sign("nocturne", 0, 0, "t-1", 0), s.sign("nocturne", 0, 1, "t-2", 0), s.sign("nocturne", 0, 2, "t-3", 0)
	north.fetch()
	south.fetch()
	first := north.check(0, both+"\n"+only, "--gate", "north")[0]
	south.check(0, both+"\n"+late, "--gate", "south")
	files := []string{filepath.Join(north.data, "nocturne", "entries.jsonl"), filepath.Join(south.data, "nocturne", "entries.jsonl")}
	merged := filepath.Join(t.TempDir(), "merged.jsonl")
	code, out, _ := north.run("", append([]string{"merge", "--json", "--out", merged}, files...)...)
	var told struct {
		Entries int
		Doubles []gate.Double
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || code != 3 || told.Entries != 3 || len(told.Doubles) != 1 || told.Doubles[0].Entries[0].Gate != "north" || told.Doubles[0].Entries[1].Gate != "south" {
		t.Fatalf("%d %s %v", code, out, err)
	}
	content, err := os.ReadFile(merged)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(files)
	if code, out, _ := north.run("", append([]string{"merge", "--out", merged}, append(files, merged)...)...); code != 3 || !strings.Contains(out, "3 entries") || !strings.Contains(out, "gate south: used again") {
		t.Errorf("again, in another order: %d %s", code, out)
	}
	if again, err := os.ReadFile(merged); err != nil || !bytes.Equal(content, again) {
		t.Errorf("the order of the files matters: %s, %v", again, err)
	}
	results := south.check(3, both+"\n"+only+"\n"+late, "--entries", merged)
	if got := reasons(results); !slices.Equal(got, []string{"already_entered", "already_entered", "already_entered"}) || results[0].First.At != first.At || results[0].First.Gate != "north" {
		t.Errorf("%q %+v", got, results[0].First)
	}
	if code, _, _ := north.run("", "merge", "--out", merged+"2", merged); code != 0 {
		t.Errorf("without doubles: %d", code)
	}
	if code, _, _ := north.run("", "merge", "--out", merged, "/nowhere"); code != 1 {
		t.Errorf("a missing file: %d", code)
	}
}

// A scanner's line is checked when it has ended, not when the next one comes; an interrupt ends a gate that waits.
func TestAScannerIsAnsweredAtOnce(t *testing.T) {
	s := newSite(t)
	b := newBooth(t, s)
	b.fetch()
	typed, typing := io.Pipe()
	shown, showing := io.Pipe()
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		ended <- run(ctx, program{in: typed, out: showing, err: io.Discard, now: time.Now}, []string{"check", "--concert", "nocturne", "--data", b.data, "--max-age", "1000000h"})
	}()
	if _, err := io.WriteString(typing, s.sign("nocturne", 0, 0, "t-1", 0)+"\r"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("OK      stalls, row 1, seat 1.\n"))
	if _, err := io.ReadFull(shown, line); err != nil || string(line) != "OK      stalls, row 1, seat 1.\n" {
		t.Fatalf("%q, %v", line, err)
	}
	interrupt()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// BenchmarkCheck prints checks a second: of tickets that are admitted, with a write to the disk each, and of the same again.
func BenchmarkCheck(b *testing.B) {
	s := newSite(b)
	data := gate.Data{Concert: gate.Concert{ID: "nocturne"}, Keys: ticketcode.PublicKeys{1: s.keys[0].Public}}
	if err := json.Unmarshal([]byte(`{"groups":[{"group":"A","section":"stalls","kind":"seats","rows":[{"name":"1","prefix":"A-","count":60000}]}]}`), &data.Layout); err != nil {
		b.Fatal(err)
	}
	entries, _, err := gate.Open(filepath.Join(b.TempDir(), "entries.jsonl"), "bench")
	if err != nil {
		b.Fatal(err)
	}
	defer entries.Close() //nolint:errcheck // a test
	g := gate.New(data, entries, time.Now)
	texts := make([]string, 2000)
	for i := range texts {
		texts[i] = s.sign("nocturne", 0, i, fmt.Sprint("t-", i), 0)
	}
	b.Run("admitted", func(b *testing.B) {
		n := entries.Len()
		for b.Loop() {
			text := s.sign("nocturne", 0, n%60000, fmt.Sprint("n-", n), 0)
			n++
			if r, err := g.Check(text); err != nil || !r.Admitted {
				b.Fatal(r, err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
	})
	for _, text := range texts {
		if _, err := g.Check(text); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("entered before", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if r, err := g.Check(texts[n%len(texts)]); err != nil || r.Reason != gate.AlreadyEntered {
				b.Fatal(r, err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
	})
}

// A merge over the file of a running gate would lose its entries; what merge writes can be read by the next gate's user.
func TestMergeOverARunningGate(t *testing.T) {
	folder := t.TempDir()
	path, link, other := filepath.Join(folder, "entries.jsonl"), filepath.Join(folder, "link.jsonl"), filepath.Join(folder, "other.jsonl")
	line := `{"code":"AAAAAAAAAAAAAQ","at":"2030-09-14T17:00:00.000Z","gate":"south","seat":"A-1-1"}` + "\n"
	if err := os.WriteFile(other, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	entries, _, err := gate.Open(path, "north")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(entries.Add(gate.Entry{Code: ticketcode.Code{1}, At: 1, Gate: "north", Seat: "A-1-2"}), os.Link(path, link)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b := &booth{t: t, data: folder, now: doors}
	for _, out := range []string{path, link} {
		if code, _, notes := b.run("", "merge", "--out", out, path, other); code != 1 || !strings.Contains(notes, "a gate uses it, merge into another file") {
			t.Errorf("over %s: %d %s", filepath.Base(out), code, notes)
		}
		if after, err := os.ReadFile(out); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s has changed: %s, %v", filepath.Base(out), after, err)
		}
	}
	if err := entries.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, notes := b.run("", "merge", "--out", path, path, other); code != 0 {
		t.Errorf("after the gate has ended: %d %s", code, notes)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o044 != 0o044 {
		t.Errorf("others cannot read it: %v, %v", info, err)
	}
}
