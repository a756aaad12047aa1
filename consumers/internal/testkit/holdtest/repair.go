package holdtest

import (
	"reflect"
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// look reads the group as a repair does.
func (f *fixture) look() holds.State {
	f.Helper()
	state, err := f.b.State(f.Context(), f.g)
	if err != nil {
		f.Fatal(err)
	}
	return state
}

// change returns a change that gives places to an order, with the group as it is now in Seen. A hold begins now.
func (f *fixture) change(want seatstate.State, order contracts.OrderID, version int, places ...int) holds.Change {
	f.Helper()
	c := holds.Change{
		Order: order, Version: version, Want: want, Places: places, Seen: f.look().Seen(order, places),
		HeldAt: f.b.Now(), ExpiresAt: f.b.Now().Add(HoldFor),
	}
	if version > 0 {
		c.Hash = "hash-" + string(order)
	}
	return c
}

// repair makes changes in the group's epoch.
func (f *fixture) repair(changes ...holds.Change) holds.Repaired {
	f.Helper()
	var repaired holds.Repaired
	f.step(func() (err error) {
		repaired, err = f.b.Repair(f.Context(), f.g, f.look().Revision.Epoch, changes)
		return err
	})
	if repaired.EpochChanged || repaired.At != f.b.Now() {
		f.Fatalf("repaired %+v at %v", repaired, f.b.Now())
	}
	return repaired
}

// repaired makes changes, checks that all are done, and returns the displaced orders.
func (f *fixture) repaired(changes ...holds.Change) []contracts.OrderID {
	f.Helper()
	r := f.repair(changes...)
	if len(r.Done) != len(changes) || len(r.Skipped) > 0 {
		f.Fatalf("repaired %+v", r)
	}
	return r.Displaced
}

func (f *fixture) wantRecord(order contracts.OrderID, want seatstate.Record) {
	f.Helper()
	if got, known := f.state().Records[order]; !known || got.String() != want.String() {
		f.Fatalf("record of %s is %q, want %q", order, got, want)
	}
}

var repairPromises = []promise{
	{"the state is every place that is taken and the orders that have one", func(f *fixture) {
		f.load(holds.Load{Places: 8, Sold: map[int]contracts.OrderID{7: "x"}})
		f.held("a", 1, 2)
		f.sell("b", 2, 3)
		f.release("over", 1)
		f.forward("on", holds.Forwarding{Group: "B", Hop: 1})
		f.b.Advance(time.Second)
		f.held("late", 5)
		f.b.Advance(toLapse - time.Second)
		f.unchanged(func() {
			got, all := f.look(), f.state()
			if got.At != f.b.Now() || got.Revision != all.Revision || got.Lapsed != 1 {
				f.Fatalf("state is %+v", got)
			}
			if !reflect.DeepEqual(got.Entries, all.Entries) || !slices.Equal(got.Map, all.Map) || len(got.Records) != 3 {
				f.Fatalf("state is %+v, want %+v", got, all)
			}
			for _, id := range []contracts.OrderID{"a", "b", "late"} {
				if got.Records[id].String() != all.Records[id].String() {
					f.Fatalf("record of %s is %q, want %q", id, got.Records[id], all.Records[id])
				}
			}
		})
	}},
	{"a group that is not loaded is neither read nor repaired", func(f *fixture) {
		f.unchanged(func() {
			_, err := f.b.State(f.Context(), f.g)
			f.wantErr(err, holds.ErrNotLoaded)
			c := holds.Change{Order: "a", Version: 1, Seen: map[int]seatstate.Entry{1: {}}}
			_, err = f.b.Repair(f.Context(), f.g, 1, []holds.Change{c})
			f.wantErr(err, holds.ErrNotLoaded)
		})
	}},
	{"what was sold and has no ticket is free, and a late mirror does not sell it again", func(f *fixture) {
		f.seats(8)
		f.sell("z", 2, 1, 2)
		f.repaired(f.change(seatstate.Sold, "z", 3, 2))
		f.wantHolder("", 1)
		f.soldTo("z", 2)
		f.repaired(f.change(seatstate.Free, "z", 4))
		f.wantHolder("", 1, 2)
		f.unchanged(func() {
			if sale := f.sell("z", 3, 1, 2); !sale.Stale {
				f.Fatalf("sold %+v", sale)
			}
			f.keep(f.keptFor("z", 4, 1), holds.Stale)
			f.outcome(f.hold("z", 1), holds.Gone)
		})
	}},
	{"a hold whose row has ended is free, and nothing late makes it held again", func(f *fixture) {
		f.seats(8)
		f.held("b", 1, 2)
		f.repaired(f.change(seatstate.Free, "b", 3))
		f.wantHolder("", 1, 2)
		f.unchanged(func() {
			f.outcome(f.hold("b", 1), holds.Gone)
			f.keep(f.keptFor("b", 3, 1, 2), holds.Stale)
			if r := f.release("b", 2); !r.Stale {
				f.Fatalf("released %+v", r)
			}
		})
	}},
	{"the hold of an open row is made as the row says, whatever the order was here before", func(f *fixture) {
		f.seats(10)
		f.release("ended", 1)
		f.forward("on", holds.Forwarding{Group: "B", Hop: 1})
		f.sell("sold", 1, 7)
		for i, id := range []contracts.OrderID{"new", "ended", "on", "sold"} {
			c := f.change(seatstate.Held, id, 2, 2*i, 2*i+1)
			c.HeldAt, c.ExpiresAt = c.HeldAt.Add(-time.Minute), c.ExpiresAt.Add(-time.Minute)
			f.repaired(c)
			f.wantRecord(id, seatstate.Record{
				State: seatstate.RecordHeld, Version: 2, Hash: c.Hash, HeldAt: c.HeldAt, HoldExpiresAt: c.ExpiresAt,
				Lapses: c.ExpiresAt.Add(seatstate.LapseAfter), Places: []int{2 * i, 2*i + 1},
			})
		}
		f.b.Advance(toLapse)
		f.held("next", 7)
	}},
	{"a hold that lost a place gets it back and does not lapse earlier", func(f *fixture) {
		late := open(f, "b", 2, 1, 2)
		late.HeldAt, late.ExpiresAt = late.HeldAt.Add(-HoldFor), late.ExpiresAt.Add(-HoldFor)
		f.load(holds.Load{Places: 6, Open: []holds.OpenOrder{late}})
		before := f.state().Records["b"]
		if before.Lapses <= late.ExpiresAt.Add(seatstate.LapseAfter) {
			f.Fatalf("record is %q", before)
		}
		f.restore("b", 2, 1)
		c := f.change(seatstate.Held, "b", 2, 1, 2)
		c.HeldAt, c.ExpiresAt = f.b.Now().Add(-HoldFor), f.b.Now()-1
		f.repaired(c)
		f.wantHolder("b", 1, 2)
		if r := f.state().Records["b"]; r.Lapses != before.Lapses || r.HoldExpiresAt != c.ExpiresAt {
			f.Fatalf("record is %q, was %q", r, before)
		}
	}},
	{"what was sold to an order without a row is free, and the order may still be held", func(f *fixture) {
		f.load(holds.Load{Places: 6, Sold: map[int]contracts.OrderID{1: "z"}})
		f.repaired(f.change(seatstate.Free, "z", 0))
		f.held("z", 1)
	}},
	{"a place that one change frees is another's in the same call, with one move of the revision", func(f *fixture) {
		f.seats(6)
		f.held("b", 1, 2)
		f.sell("z", 2, 3)
		f.repaired(f.change(seatstate.Free, "b", 2), f.change(seatstate.Free, "z", 3), f.change(seatstate.Held, "a", 1, 3, 1), f.change(seatstate.Sold, "c", 2, 2))
		f.wantHolder("a", 1, 3)
		f.soldTo("c", 2)
	}},
	{"an order that is right already is not changed", func(f *fixture) {
		f.seats(6)
		f.repaired(f.change(seatstate.Held, "a", 2, 1, 3), f.change(seatstate.Sold, "b", 2, 2))
		f.unchanged(func() {
			f.repaired(f.change(seatstate.Held, "a", 2, 1, 3), f.change(seatstate.Sold, "b", 2, 2))
		})
	}},
}
