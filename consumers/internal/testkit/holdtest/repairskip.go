package holdtest

import (
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// skipped makes one change and checks that it is not written.
func (f *fixture) skipped(c holds.Change) {
	f.Helper()
	f.unchanged(func() {
		if r := f.repair(c); !slices.Equal(r.Skipped, []contracts.OrderID{c.Order}) || len(r.Done)+len(r.Displaced) > 0 {
			f.Fatalf("repaired %+v", r)
		}
	})
}

var skipPromises = []promise{
	{"a group that was loaded again is not changed", func(f *fixture) {
		f.seats(4)
		c, epoch := f.change(seatstate.Sold, "a", 2, 1), f.look().Revision.Epoch
		f.wantErr(f.b.Wipe(f.Context(), f.g.SeatGroup), nil)
		f.seats(4)
		f.unchanged(func() {
			r, err := f.b.Repair(f.Context(), f.g, epoch, []holds.Change{c})
			f.wantErr(err, nil)
			if !r.EpochChanged || len(r.Done)+len(r.Skipped) > 0 {
				f.Fatalf("repaired %+v", r)
			}
		})
	}},
	{"an order of which a later version was applied is skipped", func(f *fixture) {
		f.seats(6)
		f.sell("a", 3, 1)
		f.skipped(f.change(seatstate.Free, "a", 2))
		f.skipped(f.change(seatstate.Sold, "a", 2, 1, 2))
		f.skipped(f.change(seatstate.Held, "a", 2, 1))
		f.release("b", 3)
		f.skipped(f.change(seatstate.Held, "b", 2, 4))
		f.repaired(f.change(seatstate.Free, "a", 3), f.change(seatstate.Held, "b", 3, 4))
	}},
	{"an order is skipped when a place is not as it was read", func(f *fixture) {
		for _, c := range []struct {
			name          string
			before, since func()
			want          seatstate.State
			places        []int
		}{
			{"free, held since", func() {}, func() { f.held("b", 2) }, seatstate.Sold, []int{1, 2}},
			{"free, held by itself since", func() {}, func() { f.held("a", 1, 2) }, seatstate.Held, []int{1, 2}},
			{"free, sold since", func() {}, func() { f.sell("b", 1, 1) }, seatstate.Held, []int{1, 2}},
			{"another's hold, free since", func() { f.held("b", 2) }, func() { f.release("b", 1) }, seatstate.Sold, []int{1, 2}},
			{"another's hold, a third one's since", func() { f.held("b", 2) }, func() { f.release("b", 1); f.held("c", 2) }, seatstate.Sold, []int{2}},
			{"another's hold, sold to it since", func() { f.held("b", 2) }, func() { f.sell("b", 2, 2) }, seatstate.Sold, []int{2}},
			{"its hold, sold to it since", func() { f.held("a", 1) }, func() { f.sell("a", 1, 1) }, seatstate.Free, nil},
			{"its hold, another's sale since", func() { f.held("a", 1, 2) }, func() { f.sell("b", 1, 1) }, seatstate.Free, nil},
			{"no place, held since", func() {}, func() { f.held("a", 1) }, seatstate.Sold, []int{2}},
			{"one place, more since", func() { f.sell("a", 1, 1) }, func() { f.sell("a", 2, 1, 3) }, seatstate.Sold, []int{1, 2}},
		} {
			f.g = newGroup()
			f.seats(6)
			c.before()
			change := f.change(c.want, "a", 2, c.places...)
			c.since()
			f.Log(c.name)
			f.skipped(change)
		}
	}},
	{"what the call's own sweep changes counts as changed", func(f *fixture) {
		f.seats(6)
		f.held("b", 1)
		f.b.Advance(toLapse)
		c := f.change(seatstate.Sold, "a", 2, 1)
		if r := f.repair(c); !slices.Equal(r.Skipped, []contracts.OrderID{"a"}) {
			f.Fatalf("repaired %+v", r)
		}
		f.wantHolder("", 1)
		f.repaired(f.change(seatstate.Sold, "a", 2, 1))
	}},
	{"a hold takes no place of another order, and then no place at all", func(f *fixture) {
		f.load(holds.Load{Places: 6, Sold: map[int]contracts.OrderID{4: "s"}})
		f.held("b", 2)
		f.skipped(f.change(seatstate.Held, "a", 1, 1, 2))
		f.skipped(f.change(seatstate.Held, "a", 1, 4))
	}},
	{"a hold is not made from its lapse on", func(f *fixture) {
		f.seats(6)
		c := f.change(seatstate.Held, "a", 1, 1)
		c.HeldAt, c.ExpiresAt = f.b.Now().Add(-time.Hour), f.b.Now().Add(-seatstate.LapseAfter)
		f.skipped(c)
		c.ExpiresAt++
		f.repaired(c)
	}},
	{"of two orders for one place the first change has it", func(f *fixture) {
		f.seats(6)
		for _, second := range []seatstate.State{seatstate.Held, seatstate.Sold} {
			for i, first := range []seatstate.State{seatstate.Held, seatstate.Sold} {
				f.g = newGroup()
				f.seats(6)
				r := f.repair(f.change(first, "a", 1, 1), f.change(second, "b", 1, 1, 2), f.change(seatstate.Held, "c", 1, 3))
				if !slices.Equal(r.Done, []contracts.OrderID{"a", "c"}) || !slices.Equal(r.Skipped, []contracts.OrderID{"b"}) || len(r.Displaced) > 0 {
					f.Fatalf("%d: repaired %+v", i, r)
				}
				f.wantHolder("a", 1)
				f.wantHolder("", 2)
				f.wantHolder("c", 3)
			}
		}
	}},
	{"a place that a later change frees is not available", func(f *fixture) {
		f.seats(6)
		f.held("b", 1)
		r := f.repair(f.change(seatstate.Held, "a", 1, 1), f.change(seatstate.Free, "b", 2))
		if !slices.Equal(r.Done, []contracts.OrderID{"b"}) || !slices.Equal(r.Skipped, []contracts.OrderID{"a"}) {
			f.Fatalf("repaired %+v", r)
		}
		f.wantHolder("", 1)
	}},
	{"invalid changes are refused and change nothing", func(f *fixture) {
		f.seats(6)
		f.held("h", 1)
		f.sell("s", 1, 2)
		good := f.change(seatstate.Held, "a", 1, 3)
		bad := func(spoil func(c *holds.Change)) []holds.Change {
			c := f.change(seatstate.Held, "a", 1, 3)
			spoil(&c)
			return []holds.Change{c}
		}
		for i, changes := range [][]holds.Change{
			nil, {good, good},
			{f.change(seatstate.Free, "h", 0)}, {f.change(seatstate.Sold, "s", 0, 2)}, {f.change(seatstate.Free, "s", 2, 2)},
			{f.change(seatstate.Sold, "s", 2)}, {f.change(seatstate.Held, "a", 0, 3)}, {f.change(seatstate.Held, "a", -1, 3)},
			bad(func(c *holds.Change) { c.Order = "a b" }), bad(func(c *holds.Change) { c.Hash = "" }),
			bad(func(c *holds.Change) { c.Hash = "-" }), bad(func(c *holds.Change) { c.Want = 3 }),
			bad(func(c *holds.Change) { c.ExpiresAt = c.HeldAt - 1 }), bad(func(c *holds.Change) { c.HeldAt = 0 }),
			bad(func(c *holds.Change) { c.Places = []int{3, 3} }), bad(func(c *holds.Change) { c.Places = []int{3, 4} }),
			bad(func(c *holds.Change) { c.Seen = nil }), bad(func(c *holds.Change) { c.Seen[8] = seatstate.Entry{} }),
			bad(func(c *holds.Change) { c.Seen[-1] = seatstate.Entry{} }), bad(func(c *holds.Change) { c.Seen[3] = seatstate.Entry{Order: "b"} }),
			bad(func(c *holds.Change) { c.Seen[4] = seatstate.Entry{State: seatstate.Held, Order: "b"} }),
			bad(func(c *holds.Change) { c.Seen[4] = seatstate.Entry{State: seatstate.Sold, Order: "b", Lapses: 1} }),
			bad(func(c *holds.Change) { c.Seen[4] = seatstate.Entry{State: seatstate.Sold} }),
		} {
			f.unchanged(func() {
				if _, err := f.b.Repair(f.Context(), f.g, f.token, changes); kind(err) != holds.ErrInvalid.Error() {
					f.Fatalf("%d: %+v: %v", i, changes, err)
				}
			})
		}
		f.unchanged(func() {
			_, err := f.b.Repair(f.Context(), f.g, 0, []holds.Change{good})
			f.wantErr(err, holds.ErrInvalid)
		})
		f.repaired(good)
	}},
}
