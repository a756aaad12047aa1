package holdtest

import (
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// giveWayPromises are about orders whose places a repair sells to another: they lose a hold whole, but only those places of
// a sale.
var giveWayPromises = []promise{
	{"a ticket makes its place sold, over another order's whole hold, which is named", func(f *fixture) {
		f.seats(8)
		f.held("a", 4)
		f.held("b", 1, 2)
		f.held("c", 5)
		displaced := f.repaired(f.change(seatstate.Sold, "a", 3, 1, 4, 5))
		if slices.Sort(displaced); !slices.Equal(displaced, []contracts.OrderID{"b", "c"}) {
			f.Fatalf("displaced %v", displaced)
		}
		f.soldTo("a", 1, 4, 5)
		f.wantHolder("", 2)
		f.notKnown("b")
		f.notKnown("c")
		if r := f.state().Records["a"]; r.State != seatstate.RecordSold || r.Version != 3 || !slices.Equal(r.Places, []int{1, 4, 5}) {
			f.Fatalf("record is %q", r)
		}
		f.unchanged(func() {
			f.outcome(f.hold("a", 1), holds.Gone)
			if sale := f.sell("a", 2, 1); !sale.Stale {
				f.Fatalf("sold %+v under an older version", sale)
			}
		})
		f.keep(f.keptFor("c", 1, 5), holds.Busy)
		f.restore("a", 4, 5)
		f.keep(f.keptFor("c", 1, 5), holds.OK)
	}},
	{"an order that loses its places to two sales of one call is named once, and may hold again", func(f *fixture) {
		f.seats(8)
		f.held("b", 1, 2, 3)
		if displaced := f.repaired(f.change(seatstate.Sold, "a", 2, 1, 2), f.change(seatstate.Sold, "c", 2, 3)); !slices.Equal(displaced, []contracts.OrderID{"b"}) {
			f.Fatalf("displaced %v", displaced)
		}
		f.keep(f.keptFor("b", 1, 5), holds.OK)
	}},
	{"places of a displaced hold go to another order in the same call", func(f *fixture) {
		f.seats(8)
		f.held("b", 1, 2)
		if displaced := f.repaired(f.change(seatstate.Sold, "a", 2, 1), f.change(seatstate.Held, "c", 1, 2, 3)); !slices.Equal(displaced, []contracts.OrderID{"b"}) {
			f.Fatalf("displaced %v", displaced)
		}
		f.soldTo("a", 1)
		f.onlyHolds("c", 2, 3)
		f.notKnown("b")
	}},
	{"an order that held more than it owns has what it owns, whichever change is first", func(f *fixture) {
		for _, first := range []bool{true, false} {
			f.g = newGroup()
			f.seats(8)
			f.held("b", 1, 2, 3)
			changes := []holds.Change{f.change(seatstate.Sold, "a", 2, 1), f.change(seatstate.Sold, "b", 2, 2)}
			if first {
				slices.Reverse(changes)
			}
			f.repaired(changes...)
			f.soldTo("a", 1)
			f.soldTo("b", 2)
			f.wantHolder("", 3)
		}
	}},
	{"an order that held another's place holds its own", func(f *fixture) {
		f.seats(8)
		f.held("b", 1, 2)
		f.repaired(f.change(seatstate.Sold, "a", 2, 1), f.change(seatstate.Held, "b", 1, 2, 3))
		f.soldTo("a", 1)
		f.onlyHolds("b", 2, 3)
	}},
	{"an order that owns by a load and also holds loses the sold place, and the hold if it is in the way", func(f *fixture) {
		for _, both := range []bool{true, false} {
			f.g = newGroup()
			f.load(holds.Load{Places: 8, Sold: map[int]contracts.OrderID{1: "z", 2: "z"}})
			f.held("z", 4, 5)
			places := []int{1}
			if both {
				places = []int{1, 4}
			}
			f.repaired(f.change(seatstate.Sold, "a", 2, places...))
			f.soldTo("a", places...)
			f.soldTo("z", 2)
			if both {
				f.wantHolder("", 5)
				f.notKnown("z")
			} else {
				f.onlyHolds("z", 4, 5)
			}
		}
	}},
	{"a ticket makes its place sold over another's sale, whichever of the two is first", func(f *fixture) {
		for _, first := range []bool{true, false} {
			f.g = newGroup()
			f.load(holds.Load{Places: 8, Sold: map[int]contracts.OrderID{1: "z", 2: "z"}})
			f.sell("y", 2, 3)
			changes := []holds.Change{f.change(seatstate.Sold, "a", 2, 1, 3), f.change(seatstate.Sold, "z", 5, 2), f.change(seatstate.Free, "y", 4)}
			if first {
				slices.Reverse(changes)
			}
			if displaced := f.repaired(changes...); len(displaced) > 0 {
				f.Fatalf("displaced %v", displaced)
			}
			f.soldTo("a", 1, 3)
			f.soldTo("z", 2)
			f.keep(f.keptFor("y", 9, 5), holds.Stale)
		}
	}},
	{"an order that loses its last place ends, and one that keeps a place does not", func(f *fixture) {
		f.seats(8)
		f.sell("y", 2, 3)
		f.sell("z", 2, 4, 5)
		f.repaired(f.change(seatstate.Sold, "a", 2, 3, 4))
		f.soldTo("a", 3, 4)
		f.soldTo("z", 5)
		if y, z := f.state().Records["y"], f.state().Records["z"]; y.State != seatstate.RecordEnded || y.Version != 2 || !slices.Equal(z.Places, []int{5}) {
			f.Fatalf("records are %q and %q", y, z)
		}
	}},
}
