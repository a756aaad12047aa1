package holdtest

import (
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// keptFor returns the hold of a row that was made now.
func (f *fixture) keptFor(order string, version int, places ...int) holds.Kept {
	return holds.Kept{Ask: askFor(order, places...), Version: version, HeldAt: f.b.Now(), ExpiresAt: f.b.Now().Add(HoldFor)}
}

func (f *fixture) keep(k holds.Kept, want holds.Applied) {
	f.Helper()
	var applied holds.Applied
	f.step(func() (err error) {
		applied, err = f.b.Keep(f.Context(), f.g, k)
		return err
	})
	if applied != want {
		f.Fatalf("keep answered %s, want %s", applied, want)
	}
}

// onlyHolds checks that an order holds these places and no other, by entries and by its record.
func (f *fixture) onlyHolds(order contracts.OrderID, places ...int) {
	f.Helper()
	s := f.state()
	var held []int
	for p, entry := range s.Entries {
		if entry.State == seatstate.Held && entry.Order == order {
			held = append(held, p)
		}
	}
	slices.Sort(held)
	if r := s.Records[order]; !slices.Equal(held, slices.Sorted(slices.Values(places))) || !slices.Equal(slices.Sorted(slices.Values(r.Places)), held) {
		f.Fatalf("%s holds %v, its record is %q, want %v", order, held, r, places)
	}
}

var keepPromises = []promise{
	{"a hold that was lost is made again with the row's own end", func(f *fixture) {
		f.seats(6)
		k := f.keptFor("a", 3, 4, 1)
		f.b.Advance(time.Minute)
		f.keep(k, holds.OK)
		f.wantHolder("a", 1, 4)
		r := f.state().Records["a"]
		if r.Version != 3 || r.HeldAt != k.HeldAt || r.HoldExpiresAt != k.ExpiresAt || r.Lapses != k.ExpiresAt.Add(seatstate.LapseAfter) {
			f.Fatalf("record is %q", r)
		}
		f.unchanged(func() { f.keep(k, holds.OK) })
	}},
	{"an order that holds its row's seats takes the row's version", func(f *fixture) {
		f.seats(6)
		first := f.held("a", 1, 2)
		f.keep(f.keptFor("a", 2, 2, 1), holds.OK)
		f.wantHolder("a", 1, 2)
		if r := f.state().Records["a"]; r.Version != 2 || r.HoldExpiresAt != first.ExpiresAt {
			f.Fatalf("record is %q", r)
		}
		if r := f.release("a", 1); !r.Stale {
			f.Fatal("an older version still released it")
		}
	}},
	{"an order that holds other seats than its row's holds the row's and no more", func(f *fixture) {
		for _, places := range [][]int{{3}, {3, 4}, {2, 3}, {1}, {1, 2, 3}} {
			f.g = newGroup()
			f.seats(6)
			f.held("a", 1, 2)
			f.keep(f.keptFor("a", 2, places...), holds.OK)
			f.onlyHolds("a", places...)
			f.freed("a", 2, places...)
		}
	}},
	{"a row's seats that another has are not taken, and then the hold stays as it is", func(f *fixture) {
		f.load(holds.Load{Places: 6, Sold: map[int]contracts.OrderID{5: "s"}})
		f.held("a", 1, 2)
		f.held("b", 3)
		f.unchanged(func() {
			f.keep(f.keptFor("a", 2, 2, 3), holds.Busy)
			f.keep(f.keptFor("a", 2, 5), holds.Busy)
			f.keep(f.keptFor("a", 2, 0, 1, 5), holds.Busy)
		})
	}},
	{"a hold of another body becomes the row's", func(f *fixture) {
		f.seats(6)
		f.held("a", 1, 2)
		k := f.keptFor("a", 1, 4)
		k.Hash = "the-rows"
		f.keep(k, holds.OK)
		f.onlyHolds("a", 4)
		f.outcome(f.hold("a", 1, 2), holds.Other)
		f.outcome(f.ask(k.Ask), holds.Held, 4)
	}},
	{"the times become the row's, and a hold does not lapse earlier", func(f *fixture) {
		f.seats(6)
		k := f.keptFor("a", 2, 1, 2)
		f.b.Advance(time.Minute)
		later := f.held("a", 1, 2)
		f.keep(k, holds.OK)
		r := f.state().Records["a"]
		if r.HeldAt != k.HeldAt || r.HoldExpiresAt != k.ExpiresAt || r.Lapses != later.ExpiresAt.Add(seatstate.LapseAfter) {
			f.Fatalf("record is %q", r)
		}
		k.HeldAt, k.ExpiresAt = f.b.Now(), f.b.Now().Add(2*HoldFor)
		f.keep(k, holds.OK)
		f.b.Advance(2*HoldFor + seatstate.LapseAfter - time.Millisecond)
		f.outcome(f.hold("b", 1), holds.Taken, 1)
		f.unchanged(func() { f.outcome(f.ask(k.Ask), holds.Held, 1, 2) })
		f.b.Advance(time.Millisecond)
		f.held("b", 1)
	}},
	{"an order that was sent on is held where its row is", func(f *fixture) {
		f.seats(6)
		f.forward("a", holds.Forwarding{Group: "B", Hop: 1})
		f.keep(f.keptFor("a", 1, 1, 2), holds.OK)
		f.onlyHolds("a", 1, 2)
		// The forwarding record would be deleted by now. The hold has lapsed before that, and its record is kept like any
		// ended one.
		f.b.Advance(seatstate.RecordKept)
		f.held("b", 1)
		if r := f.state().Records["a"]; r.State != seatstate.RecordEnded {
			f.Fatalf("record is %q", r)
		}
	}},
	{"a sale is not turned into a hold", func(f *fixture) {
		f.load(holds.Load{Places: 6, Sold: map[int]contracts.OrderID{1: "a"}})
		f.sell("b", 2, 3)
		f.unchanged(func() {
			f.keep(f.keptFor("a", 1, 1, 2), holds.Busy)
			f.keep(f.keptFor("b", 2, 3), holds.Stale)
			f.keep(f.keptFor("b", 2, 4), holds.Stale)
		})
	}},
	{"a lapsed hold has ended, also if the sweep did not reach it", func(f *fixture) {
		f.unswept()
		f.keep(f.keptFor("late", 1, 17, 18), holds.Stale)
		f.keep(f.keptFor("late", 2, 20), holds.Stale)
		f.wantHolder("", 20)
	}},
	{"an older version changes nothing", func(f *fixture) {
		f.seats(6)
		f.keep(f.keptFor("a", 3, 1), holds.OK)
		f.unchanged(func() { f.keep(f.keptFor("a", 2, 1), holds.Stale) })
	}},
	{"an order that has ended does not hold again, whatever the version", func(f *fixture) {
		f.seats(6)
		f.release("a", 2)
		f.unchanged(func() {
			f.keep(f.keptFor("a", 2, 1), holds.Stale)
			f.keep(f.keptFor("a", 9, 1), holds.Stale)
		})
	}},
	{"a place of another order is not taken, and then none is", func(f *fixture) {
		f.load(holds.Load{Places: 6, Sold: map[int]contracts.OrderID{5: "s"}})
		f.held("b", 2)
		f.unchanged(func() {
			f.keep(f.keptFor("a", 1, 1, 2), holds.Busy)
			f.keep(f.keptFor("a", 1, 5), holds.Busy)
		})
	}},
	{"a hold past its lapse is not made again", func(f *fixture) {
		f.seats(6)
		k := f.keptFor("a", 1, 1)
		f.b.Advance(HoldFor + seatstate.LapseAfter - time.Millisecond)
		f.keep(k, holds.OK)
		f.b.Advance(time.Millisecond)
		f.keep(f.keptFor("b", 1, 2), holds.OK)
		f.wantHolder("", 1)
		f.unchanged(func() { f.keep(k, holds.Stale) })
		late := f.keptFor("c", 1, 3)
		late.HeldAt, late.ExpiresAt = k.HeldAt, k.ExpiresAt
		f.unchanged(func() { f.keep(late, holds.Stale) })
	}},
	{"a sweep ends lapsed holds, some at a time, and says how many are left", func(f *fixture) {
		f.seats(30)
		for i := range seatstate.SweepLimit + 3 {
			f.held(contracts.OrderID("old"+string(rune('a'+i))), 2*i, 2*i+1)
		}
		sweep := func(want int) {
			f.Helper()
			f.step(func() error {
				left, err := f.b.Sweep(f.Context(), f.g)
				if left != want {
					f.Errorf("%d are left, want %d", left, want)
				}
				return err
			})
		}
		sweep(0)
		f.b.Advance(HoldFor + seatstate.LapseAfter)
		sweep(3)
		sweep(0)
		if n := len(f.state().Entries); n != 0 {
			f.Fatalf("%d places are taken", n)
		}
	}},
	{"a lapsed hold is displaced with all its places", func(f *fixture) {
		f.seats(30)
		for i := range seatstate.SweepLimit + 1 {
			f.held(contracts.OrderID("old"+string(rune('a'+i))), 2*i, 2*i+1)
		}
		f.b.Advance(HoldFor + seatstate.LapseAfter)
		last := 2 * seatstate.SweepLimit
		f.keep(f.keptFor("a", 1, last), holds.OK)
		f.wantHolder("a", last)
		f.wantHolder("", last+1)
	}},
}
