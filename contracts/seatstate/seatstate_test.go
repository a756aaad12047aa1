package seatstate_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"pgregory.net/rapid"
)

// The golden strings are what loaded groups have in Redis. A change here is a change of the data: the scripts of the consumers
// and the readers of the producers must accept the old form until every group has been loaded again.
func TestGoldenStrings(t *testing.T) {
	const order = contracts.OrderID("e1abcdefghjkmnpqrstvwxyz01234567")
	at := contracts.Instant(1_790_000_000_123)
	for _, c := range []struct{ name, got, want string }{
		{"held entry", seatstate.Entry{State: seatstate.Held, Order: order, Lapses: at}.String(), "held e1abcdefghjkmnpqrstvwxyz01234567 1790000000123"},
		{"sold entry", seatstate.Entry{State: seatstate.Sold, Order: order}.String(), "sold e1abcdefghjkmnpqrstvwxyz01234567"},
		{"held record", seatstate.Record{State: seatstate.RecordHeld, Hash: "h-_1", HeldAt: at, HoldExpiresAt: at + 300_000, Lapses: at + 360_000, Places: []int{11, 0, 12}}.String(),
			"held 0 h-_1 1790000000123 1790000300123 1790000360123 11,0,12"},
		{"record of an end alone", seatstate.Record{State: seatstate.RecordEnded, Version: 3}.String(), "ended 3 - 0 0 0 -"},
		{"revision", seatstate.Revision{Epoch: 7, Rev: 120, LayoutVersion: 3}.String(), "7.120.3"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", c.name, c.got, c.want)
		}
	}
	m := seatstate.NewSeatMap(5)
	m.Set(0, seatstate.Held)
	m.Set(3, seatstate.Sold)
	m.Set(4, seatstate.Held)
	if want := (seatstate.SeatMap{0b01_00_00_10, 0b01_00_00_00}); !slices.Equal(m, want) {
		t.Errorf("map is %08b, want %08b", m, want)
	}
}

func TestKeysShareOneHashTag(t *testing.T) {
	keys := seatstate.KeysOf(contracts.SeatGroup{ConcertID: "c-1", Group: "B_2"}).All()
	want := []string{"{c-1#B_2}:rev", "{c-1#B_2}:map", "{c-1#B_2}:seats", "{c-1#B_2}:orders", "{c-1#B_2}:lapses", "{c-1#B_2}:ends", "{c-1#B_2}:lock", "{c-1#B_2}:lag"}
	if !slices.Equal(keys, want) {
		t.Errorf("keys are %q, want %q: the scripts take them in this order", keys, want)
	}
}

// An order must expire, and become too late to commit, before its entry lapses. Otherwise a seat is offered to a second buyer
// while the first can still pay for it.
func TestOrderOfTheThreeTimes(t *testing.T) {
	const skew = 10 * time.Second
	if seatstate.ExpireAfter < skew || seatstate.CommitUntil <= seatstate.ExpireAfter || seatstate.LapseAfter < seatstate.CommitUntil+skew {
		t.Errorf("expire %v, commit %v, lapse %v after D: each must be later than the one before, the last by more than the skew of clocks %v",
			seatstate.ExpireAfter, seatstate.CommitUntil, seatstate.LapseAfter, skew)
	}
}

// Each of both lags is one number for all processes, so its key has no group's hash tag and expires by itself.
func TestLagsOfAllGroups(t *testing.T) {
	if seatstate.PaceKey != "boxoffice:pace" || seatstate.PaymentLagKey != "boxoffice:payment-lag" {
		t.Errorf("keys %q and %q: running processes write and read others", seatstate.PaceKey, seatstate.PaymentLagKey)
	}
	if seatstate.LagKept < 2*seatstate.PaceEvery || seatstate.PaymentLagKept < 2*seatstate.PaceEvery {
		t.Errorf("kept %v and %v, left every %v: a lag must outlive the pause between two", seatstate.LagKept, seatstate.PaymentLagKept, seatstate.PaceEvery)
	}
}

func TestTakenFrom(t *testing.T) {
	const lapse = contracts.Instant(1000)
	held := seatstate.Entry{State: seatstate.Held, Order: "a", Lapses: lapse}
	sold := seatstate.Entry{State: seatstate.Sold, Order: "a"}
	for _, c := range []struct {
		name  string
		entry seatstate.Entry
		order contracts.OrderID
		now   contracts.Instant
		want  bool
	}{
		{"its own hold", held, "a", lapse - 1, false},
		{"another's hold just before its lapse", held, "b", lapse - 1, true},
		{"another's hold at its lapse", held, "b", lapse, false},
		{"another's sale, which never lapses", sold, "b", lapse + 1, true},
		{"its own sale", sold, "a", lapse, false},
	} {
		if got := c.entry.TakenFrom(c.order, c.now); got != c.want {
			t.Errorf("%s: taken is %v, want %v", c.name, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "held", "held a", "held a b", "held a 0", "held a -1", "held  1", "sold ", "sold a 1", "free a", "held a 1 2", "HELD a 1"} {
		if e, err := seatstate.ParseEntry(s); err == nil {
			t.Errorf("entry %q was read as %+v", s, e)
		}
	}
	for _, s := range []string{"", "held 0 h 1 2 3", "held 0 h 1 2 3 1 2", "gone 0 h 1 2 3 1", "held -1 h 1 2 3 1", "held 0 h x 2 3 1", "held 0 h 1 2 3 1,", "held 0 h 1 2 3 -1", "held 0 h 1 2 3 a"} {
		if r, err := seatstate.ParseRecord(s); err == nil {
			t.Errorf("record %q was read as %+v", s, r)
		}
	}
	for _, s := range []string{"", "1", "1.", ".1", "-1.1", "1.-1", "a.b", "1.2.", "1.2.-3", "1.2.a", "1..3", ".2.3", "1.2.3.4"} {
		if r, err := seatstate.ParseRevision(s); err == nil {
			t.Errorf("revision %q was read as %+v", s, r)
		}
	}
}

// Groups that an older program loaded have no layout version. Their revision can be read, but matches no requested version.
func TestRevisionWithoutALayoutVersion(t *testing.T) {
	got, err := seatstate.ParseRevision("7.120")
	if want := (seatstate.Revision{Epoch: 7, Rev: 120}); err != nil || got != want {
		t.Errorf("7.120 was read as %+v, %v; want %+v", got, err, want)
	}
}

func TestSnapshotIsOfOneLayoutVersion(t *testing.T) {
	g := seatstate.In(contracts.SeatGroup{ConcertID: "c", Group: "A"}, 2)
	ready := seatstate.Snapshot{Loaded: true, Revision: seatstate.Revision{Epoch: 7, Rev: 120, LayoutVersion: 2}, Map: seatstate.SeatMap("\x40")}
	for _, c := range []struct {
		name, revision string
		want           seatstate.Snapshot
		bad            bool
	}{
		{name: "not in Redis", revision: ""},
		{name: "of the version", revision: "7.120.2", want: ready},
		{name: "of an older version", revision: "7.120.1"},
		{name: "of a newer version", revision: "7.120.3"},
		{name: "loaded before revisions had a version", revision: "7.120"},
		{name: "what does not parse", revision: "7.120.2.1", bad: true},
	} {
		got, err := seatstate.SnapshotOf(g, c.revision, "\x40")
		if (err != nil) != c.bad || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

func TestRoundTrips(t *testing.T) {
	word := rapid.StringMatching(`[0-9a-zA-Z_-]{2,32}`)
	instant := rapid.Map(rapid.Int64Min(1), func(n int64) contracts.Instant { return contracts.Instant(n) })
	rapid.Check(t, func(t *rapid.T) {
		entry := seatstate.Entry{State: seatstate.Sold, Order: contracts.OrderID(word.Draw(t, "order"))}
		if rapid.Bool().Draw(t, "held") {
			entry.State, entry.Lapses = seatstate.Held, instant.Draw(t, "lapse")
		}
		same(t, entry, seatstate.ParseEntry)
		same(t, seatstate.Record{
			State:         rapid.SampledFrom([]seatstate.RecordState{seatstate.RecordHeld, seatstate.RecordEnded}).Draw(t, "state"),
			Version:       rapid.IntMin(0).Draw(t, "version"),
			Hash:          rapid.OneOf(rapid.Just(""), word).Draw(t, "hash"),
			HeldAt:        instant.Draw(t, "heldAt"),
			HoldExpiresAt: instant.Draw(t, "d"),
			Lapses:        instant.Draw(t, "lapses"),
			Places:        orNil(rapid.SliceOfN(rapid.IntRange(0, 999), 0, 8).Draw(t, "places")),
		}, seatstate.ParseRecord)
		same(t, seatstate.Revision{Epoch: rapid.Int64Min(0).Draw(t, "epoch"), Rev: rapid.Int64Min(0).Draw(t, "rev"), LayoutVersion: rapid.IntMin(0).Draw(t, "layout version")}, seatstate.ParseRevision)
	})
}

func TestSeatMapKeepsWhatWasSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "places")
		m, want := seatstate.NewSeatMap(n), make([]seatstate.State, n)
		for range rapid.IntRange(0, 40).Draw(t, "changes") {
			p := rapid.IntRange(0, n-1).Draw(t, "place")
			want[p] = rapid.SampledFrom([]seatstate.State{seatstate.Free, seatstate.Held, seatstate.Sold}).Draw(t, "state")
			m.Set(p, want[p])
		}
		short := seatstate.SeatMap(strings.TrimRight(string(m), "\x00"))
		for p, state := range want {
			if m.At(p) != state || short.At(p) != state {
				t.Fatalf("place %d is %d, without trailing zeros %d, want %d", p, m.At(p), short.At(p), state)
			}
		}
		if !slices.Equal(short.Padded(n), m) {
			t.Fatalf("%x padded to %d places is %x, want %x", short, n, short.Padded(n), m)
		}
		if m.At(-1) != seatstate.Free || m.At(4*len(m)) != seatstate.Free {
			t.Fatal("a place outside the map is not free")
		}
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func same[V interface{ String() string }](t fataler, v V, parse func(string) (V, error)) {
	t.Helper()
	got, err := parse(v.String())
	if err != nil || !reflect.DeepEqual(got, v) {
		t.Fatalf("%q was read as %+v (%v), want %+v", v.String(), got, err, v)
	}
}

func orNil(places []int) []int {
	if len(places) == 0 {
		return nil
	}
	return places
}
