package holdtest

import (
	"fmt"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// toLapse is the time from the making of a hold to its lapse.
const toLapse = HoldFor + seatstate.LapseAfter

var lapsePromises = []promise{
	{"a hold keeps its places until just before it lapses, and not at that instant", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		f.b.Advance(toLapse - time.Millisecond)
		f.unchanged(func() { f.outcome(f.hold("b", 1), holds.Taken, 1) })
		f.b.Advance(time.Millisecond)
		f.held("b", 1)
	}},
	{"a lapse frees all places of the order, in any call", func(f *fixture) {
		f.seats(6)
		f.held("a", 0, 1, 2)
		f.b.Advance(toLapse)
		f.held("b", 5)
		f.wantHolder("", 0, 1, 2)
		if r := f.state().Records["a"]; r.State != seatstate.RecordEnded || r.Version != 0 || r.Hash != "hash-a" {
			f.Fatalf("record is %q", r)
		}
	}},
	{"an order that lapsed is gone until its record is deleted", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		f.b.Advance(toLapse)
		f.outcome(f.hold("a", 1), holds.Gone)
		f.b.Advance(seatstate.RecordKept - time.Millisecond)
		f.outcome(f.hold("a", 1), holds.Gone)
		f.b.Advance(time.Millisecond)
		f.hold("b", 0)
		if _, kept := f.state().Records["a"]; kept {
			f.Fatal("the record was not dropped")
		}
	}},
	{"a call that is refused sweeps all the same", func(f *fixture) {
		f.seats(4)
		f.held("a", 0)
		f.b.Advance(time.Minute)
		f.held("b", 1)
		f.b.Advance(toLapse - time.Minute)
		f.outcome(f.hold("c", 1), holds.Taken, 1)
		f.wantHolder("", 0)
	}},
	{"one call sweeps eight orders, the earliest first", func(f *fixture) {
		f.seats(20)
		for i := range 12 {
			f.held(numbered(i), i)
			f.b.Advance(time.Millisecond)
		}
		f.b.Advance(toLapse)
		f.hold("b", 19)
		for i := range 12 {
			if want := i < seatstate.SweepLimit; (f.holder(i) == "") != want {
				f.Fatalf("place %d is free: %v, want %v", i, !want, want)
			}
		}
		f.release("b", 1)
		f.wantHolder("", 8, 9, 10, 11)
	}},
	{"a place counts as free although the sweep did not reach it, and its order ends as a whole", func(f *fixture) {
		f.unswept()
		f.held("b", 18)
		f.wantHolder("", 17)
		if r := f.state().Records["late"]; r.State != seatstate.RecordEnded {
			f.Fatalf("record is %q", r)
		}
	}},
	{"an order that lapsed is gone although the sweep did not reach it", func(f *fixture) {
		f.unswept()
		f.outcome(f.hold("late", 17, 18), holds.Gone)
		f.freed("late", 1)
	}},
	{"a release frees what has lapsed and was not swept", func(f *fixture) {
		f.unswept()
		f.freed("late", 1, 17, 18)
	}},
	{"one call deletes eight records", func(f *fixture) {
		f.seats(20)
		for i := range 12 {
			f.release(numbered(i), 1)
		}
		f.b.Advance(seatstate.RecordKept)
		f.held("b", 0)
		if n := len(f.state().Records); n != 12-seatstate.SweepLimit+1 {
			f.Fatalf("%d records are left", n)
		}
	}},
}

// unswept loads a group in which the order late holds places 17 and 18 past their lapse. The next sweep does not reach it: as
// many orders as one sweep ends, on the first places, have lapsed before.
func (f *fixture) unswept() {
	f.Helper()
	f.seats(30)
	for i := range seatstate.SweepLimit {
		f.held(numbered(i), i)
	}
	f.b.Advance(time.Millisecond)
	f.held("late", 17, 18)
	f.b.Advance(toLapse)
}

func numbered(i int) contracts.OrderID { return contracts.OrderID(fmt.Sprintf("n%02d", i)) }
