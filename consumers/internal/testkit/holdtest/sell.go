package holdtest

import (
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

func (f *fixture) sell(order contracts.OrderID, version int, places ...int) holds.Sale {
	f.Helper()
	var sale holds.Sale
	f.step(func() (err error) {
		sale, err = f.b.Sell(f.Context(), f.g, order, places, version)
		return err
	})
	return sale
}

func (f *fixture) restore(order contracts.OrderID, version int, places ...int) holds.Release {
	f.Helper()
	var released holds.Release
	f.step(func() (err error) {
		released, err = f.b.Restore(f.Context(), f.g, order, places, version)
		return err
	})
	return released
}

func (f *fixture) displaced(sale holds.Sale, want ...contracts.OrderID) {
	f.Helper()
	slices.Sort(sale.Displaced)
	if sale.Stale || sale.Conflict != nil || !slices.Equal(sale.Displaced, want) {
		f.Fatalf("sale is %+v, want %v displaced", sale, want)
	}
}

// notKnown checks that an order has no record.
func (f *fixture) notKnown(order contracts.OrderID) {
	f.Helper()
	if r, known := f.state().Records[order]; known {
		f.Fatalf("record of %s is %q, want none", order, r)
	}
}

func (f *fixture) soldTo(order contracts.OrderID, places ...int) {
	f.Helper()
	for _, p := range places {
		if entry := f.state().Entries[p]; entry.State != seatstate.Sold || entry.Order != order {
			f.Fatalf("place %d is %+v, want it sold to %s", p, entry, order)
		}
	}
}

var sellPromises = []promise{
	{"a held order's places become its own and do not lapse", func(f *fixture) {
		f.seats(6)
		f.held("a", 1, 2)
		f.displaced(f.sell("a", 2, 1, 2))
		f.b.Advance(HoldFor + seatstate.LapseAfter)
		f.outcome(f.hold("b", 2), holds.Taken, 2)
		f.soldTo("a", 1, 2)
		f.unchanged(func() { f.displaced(f.sell("a", 2, 1, 2)) })
	}},
	{"a sale is not a hold: release does not free it, and the order does not hold again", func(f *fixture) {
		f.seats(6)
		f.held("a", 1)
		f.sell("a", 2, 1)
		f.outcome(f.hold("a", 1), holds.Gone)
		if r := f.release("a", 3); len(r.Freed) != 0 {
			f.Fatalf("released %+v", r)
		}
		f.soldTo("a", 1)
	}},
	{"it overwrites other orders' holds whole and names their orders", func(f *fixture) {
		f.seats(8)
		f.held("b", 1, 2)
		f.held("c", 3)
		f.held("d", 4)
		f.held("e", 0, 5, 6)
		f.displaced(f.sell("a", 2, 1, 3, 5), "b", "c", "e")
		f.soldTo("a", 1, 3, 5)
		f.wantHolder("", 0, 2, 6)
		f.wantHolder("d", 4)
		for _, id := range []contracts.OrderID{"b", "c", "e"} {
			f.notKnown(id)
		}
		f.unchanged(func() { f.displaced(f.sell("a", 2, 1, 3, 5)) })
		f.held("next", 0, 2, 6)
	}},
	{"an order that was displaced never has a part of what it asked for", func(f *fixture) {
		f.seats(8)
		f.held("b", 1, 2)
		k := f.keptFor("b", 1, 1, 2)
		f.sell("a", 2, 2)
		f.unchanged(func() {
			f.outcome(f.hold("b", 1, 2), holds.Taken, 2)
			f.keep(k, holds.Busy)
		})
		f.restore("a", 3, 2)
		f.held("b", 1, 2)
	}},
	{"a displaced order is released with nothing to free, or kept once the sale is withdrawn", func(f *fixture) {
		f.seats(8)
		f.held("b", 1, 2)
		f.held("c", 3, 4)
		k := f.keptFor("c", 1, 3, 4)
		f.sell("a", 2, 1, 3)
		f.freed("b", 2)
		f.keep(k, holds.Busy)
		f.restore("a", 3, 1, 3)
		f.keep(k, holds.OK)
		f.wantHolder("c", 3, 4)
	}},
	{"a lapsed hold is displaced like any other, also if the sweep did not reach it", func(f *fixture) {
		f.unswept()
		f.displaced(f.sell("a", 2, 18), "late")
		f.soldTo("a", 18)
		f.wantHolder("", 17)
		f.notKnown("late")
	}},
	{"it never overwrites a sale, and then writes nothing", func(f *fixture) {
		f.seats(8)
		f.sell("b", 2, 3)
		f.held("a", 1)
		f.unchanged(func() {
			sale := f.sell("a", 2, 1, 3)
			if sale.Conflict == nil || *sale.Conflict != (holds.Conflict{Place: 3, Owner: "b"}) {
				f.Fatalf("sale is %+v", sale)
			}
		})
	}},
	{"an older version sells and restores nothing", func(f *fixture) {
		f.seats(8)
		f.release("a", 5)
		f.unchanged(func() {
			if sale := f.sell("a", 4, 1); !sale.Stale {
				f.Fatalf("sale is %+v", sale)
			}
		})
		f.sell("b", 5, 2)
		f.unchanged(func() {
			if r := f.restore("b", 4, 2); !r.Stale {
				f.Fatalf("restored %+v", r)
			}
		})
	}},
	{"what the order held and does not own is free", func(f *fixture) {
		f.seats(8)
		f.held("a", 1, 2, 3)
		f.sell("a", 2, 2)
		f.wantHolder("", 1, 3)
		f.soldTo("a", 2)
	}},
	{"restore frees the order's own, sold or held, and ends its record with the last", func(f *fixture) {
		f.seats(8)
		f.sell("a", 2, 1, 2)
		if r := f.restore("a", 3, 1); !slices.Equal(r.Freed, []int{1}) {
			f.Fatalf("restored %+v", r)
		}
		f.unchanged(func() {
			if sale := f.sell("a", 2, 1); !sale.Stale {
				f.Fatalf("sold %+v again under the version before", sale)
			}
		})
		f.soldTo("a", 2)
		if r := f.restore("a", 4, 2, 3); !slices.Equal(r.Freed, []int{2}) {
			f.Fatalf("restored %+v", r)
		}
		f.outcome(f.hold("a", 1), holds.Gone)
		f.held("h", 5, 6)
		if r := f.restore("h", 1, 5, 6); !slices.Equal(r.Freed, []int{5, 6}) {
			f.Fatalf("restored %+v", r)
		}
	}},
	{"restore never frees another's place", func(f *fixture) {
		f.seats(8)
		f.sell("b", 2, 1)
		f.held("c", 2)
		if r := f.restore("a", 9, 1, 2, 3); len(r.Freed) != 0 {
			f.Fatalf("restored %+v", r)
		}
		f.soldTo("b", 1)
		f.wantHolder("c", 2)
	}},
	{"a sale that was loaded is known without a record", func(f *fixture) {
		f.load(holds.Load{Places: 6, Sold: map[int]contracts.OrderID{1: "a", 2: "a"}})
		f.displaced(f.sell("a", 3, 1, 2))
		if r := f.restore("a", 4, 1, 2); !slices.Equal(r.Freed, []int{1, 2}) {
			f.Fatalf("restored %+v", r)
		}
	}},
}
