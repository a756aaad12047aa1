package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/gate"
)

// runningGate is a gate whose scanner types one code after another.
type runningGate struct {
	t      *testing.T
	typing *io.PipeWriter
	shown  chan string
	ended  chan int
	notes  *notes
}

type notes struct {
	sync.Mutex
	bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.Lock()
	defer n.Unlock()
	return n.Buffer.Write(b)
}

func (n *notes) count(s string) int {
	n.Lock()
	defer n.Unlock()
	return strings.Count(n.String(), s)
}

// start runs a gate. The clock is read by the gate alone while a code is checked.
func (b *booth) start(t *testing.T, clock func() time.Time, args ...string) *runningGate {
	t.Helper()
	typed, typing := io.Pipe()
	g := &runningGate{t, typing, make(chan string), make(chan int, 1), &notes{}}
	shown := writerFunc(func(p []byte) (int, error) { g.shown <- string(p); return len(p), nil })
	go func() {
		g.ended <- run(context.Background(), program{in: typed, out: shown, err: g.notes, now: clock}, append([]string{"check", "--concert", "nocturne", "--data", b.data}, args...))
	}()
	t.Cleanup(func() { _ = typing.Close() })
	return g
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// scan types a code and waits for what the gate says. ended is whether the gate has ended instead, with code.
func (g *runningGate) scan(text string) (said string, ended bool, code int) {
	g.t.Helper()
	if _, err := io.WriteString(g.typing, text+"\n"); err != nil {
		g.t.Fatal(err)
	}
	select {
	case said = <-g.shown:
		return said, false, 0
	case code = <-g.ended:
		return "", true, code
	case <-time.After(30 * time.Second):
		g.t.Fatal("the gate says nothing")
		return "", false, 0
	}
}

// A gate runs for hours. What is fetched meanwhile counts for the next ticket; what cannot be read is passed over with a warning.
func TestARunningGateUsesANewerList(t *testing.T) {
	s := newSite(t)
	b := newBooth(t, s)
	b.fetch()
	g := b.start(t, func() time.Time { return doors })
	if said, _, _ := g.scan(s.sign("nocturne", 0, 0, "t-1", 0)); !strings.HasPrefix(said, "OK") {
		t.Fatal(said)
	}
	s.asOf = contracts.InstantOf(doors.Add(-time.Minute))
	s.revoked = []ticketcode.Code{ticketcode.CodeOf("t-2", 0)}
	b.fetch()
	if said, _, _ := g.scan(s.sign("nocturne", 0, 1, "t-2", 0)); !strings.Contains(said, "withdrawn") {
		t.Errorf("a ticket that was revoked while the gate ran: %s", said)
	}
	if g.notes.count("as of 2030-09-14T16:59:00.000Z") != 1 {
		t.Errorf("the age of the newer list was not said: %s", g.notes.String())
	}
	path := filepath.Join(b.data, "nocturne", "concert.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for place, want := range []string{"already", "withdrawn", "OK"} {
		said, _, _ := g.scan(s.sign("nocturne", 0, place, []string{"t-1", "t-2", "t-3"}[place], 0))
		if want == "already" {
			want = "Somebody entered"
		}
		if !strings.Contains(said, want) {
			t.Errorf("with data that cannot be read: %s, want %s", said, want)
		}
	}
	if n := g.notes.count("cannot be loaded"); n != 1 {
		t.Errorf("%d warnings: %s", n, g.notes.String())
	}
}

// A list grows old while a gate runs, and that counts as at the start.
func TestAListGrowsOldAtARunningGate(t *testing.T) {
	s := newSite(t)
	b := newBooth(t, s)
	b.fetch()
	for option, wantEnd := range map[string]bool{"warn": false, "refuse": true} {
		now := doors
		g := b.start(t, func() time.Time { return now }, "--old-list", option, "--entries", filepath.Join(t.TempDir(), "entries.jsonl"))
		if said, ended, _ := g.scan(s.sign("nocturne", 0, 0, "t-1", 0)); ended || !strings.HasPrefix(said, "OK") || g.notes.count("is old") != 0 {
			t.Fatalf("%s: %s %s", option, said, g.notes.String())
		}
		now = doors.Add(12 * time.Hour)
		for place := range 2 {
			said, ended, code := g.scan(s.sign("nocturne", 0, 1+place, []string{"t-2", "t-3"}[place], 0))
			if ended != wantEnd || ended && code != 1 || !ended && !strings.HasPrefix(said, "OK") {
				t.Errorf("%s: ended %t with %d: %s %s", option, ended, code, said, g.notes.String())
			}
			if ended {
				break
			}
		}
		if option == "warn" && g.notes.count("is old") != 1 || option == "refuse" && g.notes.count("run gate fetch") != 1 {
			t.Errorf("%s: %s", option, g.notes.String())
		}
	}
}

// Of a list of the future nobody knows how old it is.
func TestListsOfTheFuture(t *testing.T) {
	s := newSite(t)
	s.asOf = contracts.InstantOf(doors.Add(time.Hour))
	b := newBooth(t, s)
	b.fetch()
	for option, want := range map[string]int{"warn": 0, "refuse": 1} {
		if code, _, notes := b.run("", "check", "--concert", "nocturne", "--old-list", option); code != want || !strings.Contains(notes, "clock") {
			t.Errorf("%s: %d %s", option, code, notes)
		}
	}
	b.now = doors.Add(time.Hour - 30*time.Second)
	if code, _, notes := b.run("", "check", "--concert", "nocturne", "--old-list", "refuse"); code != 0 {
		t.Errorf("half a minute: %d %s", code, notes)
	}
}

// The PDF of a cancelled concert says that it admits nobody.
func TestACancelledConcert(t *testing.T) {
	s := newSite(t)
	s.change = func(_ string, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"status":"over"`), []byte(`"status":"cancelled"`))
	}
	b := newBooth(t, s)
	b.fetch()
	text := s.sign("nocturne", 0, 0, "t-1", 0)
	if code, out, notes := b.run(text, "check", "--concert", "nocturne"); code != 1 || out != "" || !strings.Contains(notes, "cancelled") {
		t.Errorf("%d %s %s", code, out, notes)
	}
	if code, out, notes := b.run(text, "check", "--concert", "nocturne", "--cancelled-too"); code != 0 || !strings.HasPrefix(out, "OK") || !strings.Contains(notes, "warning: the concert was cancelled") {
		t.Errorf("%d %s %s", code, out, notes)
	}
}

// The old and the new code of a re-keyed ticket are of one seat, which takes one person, even if the list is from before the change.
func TestTwoTicketsOfASeat(t *testing.T) {
	s := newSite(t)
	north, south := newBooth(t, s), newBooth(t, s)
	north.fetch()
	south.fetch()
	south.now = doors.Add(time.Minute)
	for group, ticket := range []string{"t-1", "t-2"} {
		old, renewed := s.sign("nocturne", group, 2, ticket, 0), s.sign("nocturne", group, 2, ticket, 1)
		results := north.check(3, old+"\n"+renewed, "--gate", "north")
		if r := results[1]; r.Reason != gate.AlreadyEntered || r.First == nil || r.First.Code != *results[0].Code || !strings.Contains(r.Detail, "gate north") || !strings.Contains(r.Detail, "not valid any more") {
			t.Errorf("group %d: %+v", group, results)
		}
		// The same after a restart.
		if r := north.check(3, renewed)[0]; r.Reason != gate.AlreadyEntered {
			t.Errorf("group %d, after a restart: %+v", group, r)
		}
		south.check(0, renewed, "--gate", "south")
	}
	merged := filepath.Join(t.TempDir(), "merged.jsonl")
	files := []string{filepath.Join(north.data, "nocturne", "entries.jsonl"), filepath.Join(south.data, "nocturne", "entries.jsonl")}
	code, out, _ := north.run("", append([]string{"merge", "--out", merged}, files...)...)
	if code != 3 || !strings.Contains(out, "seat A-1-3: ") || !strings.Contains(out, "seat F-0003: ") || !strings.Contains(out, "4 entries") || !strings.Contains(out, "2 seats entered with different tickets") {
		t.Errorf("%d %s", code, out)
	}
}
