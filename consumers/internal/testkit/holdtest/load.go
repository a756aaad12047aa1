package holdtest

import (
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

var loadPromises = []promise{
	{"one token has the lock, and asking again with it is harmless", func(f *fixture) {
		f.lock(1, true)
		f.lock(2, false)
		f.lock(1, true)
	}},
	{"only its own token unlocks the group", func(f *fixture) {
		f.lock(1, true)
		f.unlock(2)
		f.lock(2, false)
		f.unlock(1)
		f.lock(2, true)
		f.unlock(1)
		f.lock(1, false)
	}},
	{"a load without the lock is refused", func(f *fixture) {
		f.unchanged(func() { f.wantErr(f.b.Load(f.Context(), f.g, holds.Load{Token: 1, Places: 4}), holds.ErrLoadRefused) })
	}},
	{"a load under a stale token is refused", func(f *fixture) {
		f.lock(1, true)
		f.wantErr(f.b.Wipe(f.Context(), f.g.SeatGroup), nil)
		f.lock(2, true)
		f.unchanged(func() { f.wantErr(f.b.Load(f.Context(), f.g, holds.Load{Token: 1, Places: 4}), holds.ErrLoadRefused) })
		f.wantErr(f.b.Load(f.Context(), f.g, holds.Load{Token: 2, Places: 4}), nil)
	}},
	{"a load of a group that is loaded is refused", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		f.lock(9, true)
		f.unchanged(func() { f.wantErr(f.b.Load(f.Context(), f.g, holds.Load{Token: 9, Places: 4}), holds.ErrLoadRefused) })
	}},
	{"an invalid load is refused and changes nothing", func(f *fixture) {
		f.lock(1, true)
		for _, l := range []holds.Load{
			{Token: 0, Places: 4},
			{Token: 1},
			{Token: 1, Places: holds.MaxPlaces + 1},
			{Token: 1, Places: 4, Sold: map[int]contracts.OrderID{4: "a"}},
			{Token: 1, Places: 4, Sold: map[int]contracts.OrderID{1: "a b"}},
			{Token: 1, Places: 4, Open: []holds.OpenOrder{open(f, "a", 1, 4)}},
			{Token: 1, Places: 4, Open: []holds.OpenOrder{open(f, "a", 0, 1)}},
			{Token: 1, Places: 4, Open: []holds.OpenOrder{{Ask: holds.Ask{Order: "a", Hash: "h", Places: []int{1}}, Version: 1}}},
		} {
			f.unchanged(func() { f.wantErr(f.b.Load(f.Context(), f.g, l), holds.ErrInvalid) })
		}
	}},
	{"open orders hold until D and the lapse after it, with their records", func(f *fixture) {
		o := open(f, "a", 4, 3, 1)
		f.load(holds.Load{Places: 6, Open: []holds.OpenOrder{o}})
		want := seatstate.Record{
			State: seatstate.RecordHeld, Version: 4, Hash: "hash-a", HeldAt: o.HeldAt, HoldExpiresAt: o.ExpiresAt,
			Lapses: o.ExpiresAt.Add(seatstate.LapseAfter), Places: []int{3, 1},
		}
		if got := f.state().Records["a"]; got.String() != want.String() {
			f.Fatalf("record is %q, want %q", got, want)
		}
		f.unchanged(func() {
			if a := f.held("a", 3, 1); a.HeldAt != o.HeldAt || a.ExpiresAt != o.ExpiresAt {
				f.Fatalf("held from %v to %v, want %v to %v", a.HeldAt, a.ExpiresAt, o.HeldAt, o.ExpiresAt)
			}
			f.outcome(f.hold("b", 0, 1), holds.Taken, 1)
		})
	}},
	{"an open order past its end is held a while from now", func(f *fixture) {
		o := open(f, "a", 2, 1)
		o.HeldAt, o.ExpiresAt = o.HeldAt.Add(-time.Hour), o.ExpiresAt.Add(-time.Hour)
		f.load(holds.Load{Places: 6, Open: []holds.OpenOrder{o}})
		f.b.Advance(seatstate.LapseAfter - time.Millisecond)
		f.outcome(f.hold("b", 1), holds.Taken, 1)
		f.b.Advance(time.Millisecond)
		f.held("b", 1)
	}},
	{"of two open orders for one place the first has all its places, the other none and no record", func(f *fixture) {
		f.load(holds.Load{Places: 6, Open: []holds.OpenOrder{open(f, "a", 2, 1, 2), open(f, "b", 2, 2, 3), open(f, "c", 2, 3)}})
		f.wantHolder("a", 1, 2)
		f.wantHolder("c", 3)
		if _, known := f.state().Records["b"]; known {
			f.Fatal("b has a record, so it cannot hold later")
		}
	}},
	{"an open order that is there twice is loaded once", func(f *fixture) {
		f.load(holds.Load{Places: 6, Open: []holds.OpenOrder{open(f, "a", 2, 1), open(f, "a", 3, 2)}})
		f.wantHolder("a", 1)
		f.wantHolder("", 2)
	}},
	{"a sale comes before every open order, also before its own", func(f *fixture) {
		f.load(holds.Load{
			Places: 6, Sold: map[int]contracts.OrderID{1: "a", 2: "x"},
			Open: []holds.OpenOrder{open(f, "a", 2, 1), open(f, "b", 2, 2, 3)},
		})
		f.wantHolder("", 3)
		if s := f.state(); len(s.Records) != 0 || s.Map.At(1) != seatstate.Sold || s.Map.At(2) != seatstate.Sold {
			f.Fatalf("state is %+v", s)
		}
	}},
	{"a sold place is taken for other orders, and gone for its own", func(f *fixture) {
		f.load(holds.Load{Places: 6, Sold: map[int]contracts.OrderID{1: "a", 2: "b"}})
		f.unchanged(func() {
			f.outcome(f.hold("c", 0, 1), holds.Taken, 1)
			f.outcome(f.hold("a", 0, 1), holds.Gone)
			f.outcome(f.hold("a", 2, 1), holds.Gone)
		})
		f.b.Advance(24 * time.Hour)
		f.outcome(f.hold("c", 1), holds.Taken, 1)
	}},
	{"the largest group loads, is held and released", func(f *fixture) {
		l := holds.Load{Places: holds.MaxPlaces, Sold: map[int]contracts.OrderID{}}
		for p := range holds.MaxPlaces / 2 {
			l.Sold[2*p] = "sold"
		}
		var odd []int
		for p := 1; p < holds.MaxPlaces; p += 2 {
			odd = append(odd, p)
		}
		f.load(l)
		f.held("a", odd...)
		f.freed("a", 1, odd...)
		f.wantErr(f.b.Wipe(f.Context(), f.g.SeatGroup), nil)
		l.Sold = nil
		for p := range holds.MaxPlaces {
			l.Open = append(l.Open, open(f, contracts.OrderID("o"+string(numbered(p))), 1, p))
		}
		f.load(l)
		if s := f.state(); len(s.Records) != holds.MaxPlaces || len(s.Entries) != holds.MaxPlaces {
			f.Fatalf("%d records, %d entries", len(s.Records), len(s.Entries))
		}
	}},
}
