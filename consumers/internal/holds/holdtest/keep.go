package holdtest

import (
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// keptFor is the hold of a row that was made now.
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
	{"an order that holds keeps seats and end and takes the row's version", func(f *fixture) {
		f.seats(6)
		first := f.held("a", 1, 2)
		f.keep(f.keptFor("a", 2, 3), holds.OK)
		f.wantHolder("a", 1, 2)
		f.wantHolder("", 3)
		if r := f.state().Records["a"]; r.Version != 2 || r.HoldExpiresAt != first.ExpiresAt {
			f.Fatalf("record is %q", r)
		}
		if r := f.release("a", 1); !r.Stale {
			f.Fatal("an older version still released it")
		}
	}},
	{"an older version changes nothing", func(f *fixture) {
		f.seats(6)
		f.keep(f.keptFor("a", 3, 1), holds.OK)
		f.unchanged(func() { f.keep(f.keptFor("a", 2, 1), holds.Stale) })
	}},
	{"an order that is over does not hold again, whatever the version", func(f *fixture) {
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
	{"a lapsed hold gives way with all its places", func(f *fixture) {
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
