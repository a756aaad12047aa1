package holdtest

import (
	"reflect"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts/seatstate"
)

var holdPromises = []promise{
	{"a group that is not loaded is never free", func(f *fixture) {
		f.unchanged(func() {
			_, err := Hold(f.Context(), f.b, f.g, holds.Ask{Order: "a", Hash: "h", Places: []int{0}})
			f.wantErr(err, holds.ErrNotLoaded)
			f.wantErr(f.b.Loaded(f.Context(), f.g), holds.ErrNotLoaded)
		})
		f.seats(4)
		f.wantErr(f.b.Loaded(f.Context(), f.g), nil)
		f.held("a", 0)
		f.wantErr(f.b.Wipe(f.Context(), f.g.SeatGroup), nil)
		_, err := Hold(f.Context(), f.b, f.g, holds.Ask{Order: "b", Hash: "h", Places: []int{0}})
		f.wantErr(err, holds.ErrNotLoaded)
	}},
	{"a hold is all places, from now until D, and lapses after it", func(f *fixture) {
		f.seats(10)
		now := f.b.Now()
		a := f.held("a", 7, 2, 9)
		if a.HeldAt != now || a.ExpiresAt != now.Add(HoldFor) {
			f.Fatalf("held from %v to %v at %v", a.HeldAt, a.ExpiresAt, now)
		}
		want := seatstate.Record{
			State: seatstate.RecordHeld, Hash: "hash-a", HeldAt: now, HoldExpiresAt: now.Add(HoldFor),
			Lapses: now.Add(HoldFor + seatstate.LapseAfter), Places: []int{7, 2, 9},
		}
		if got := f.state().Records["a"]; !reflect.DeepEqual(got, want) {
			f.Fatalf("record is %q, want %q", got, want)
		}
		f.wantHolder("a", 2, 7, 9)
		f.wantHolder("", 0, 1, 3, 8)
	}},
	{"the same order again gets the same hold and the same end", func(f *fixture) {
		f.seats(4)
		first := f.held("a", 1, 2)
		f.b.Advance(HoldFor + seatstate.LapseAfter - time.Millisecond)
		f.unchanged(func() {
			again := f.held("a", 1, 2)
			if again.HeldAt != first.HeldAt || again.ExpiresAt != first.ExpiresAt {
				f.Fatalf("the end moved from %v to %v", first.ExpiresAt, again.ExpiresAt)
			}
		})
	}},
	{"an order that holds gets its first places whatever it asks for", func(f *fixture) {
		f.seats(4)
		f.held("a", 1, 2)
		f.held("b", 3)
		f.unchanged(func() {
			f.outcome(f.ask(holds.Ask{Order: "a", Hash: "hash-a", Places: []int{0}}), holds.Held, 1, 2)
			f.outcome(f.ask(holds.Ask{Order: "a", Hash: "hash-a", Places: []int{3}}), holds.Held, 1, 2)
		})
	}},
	{"all places or none, and every taken one is named", func(f *fixture) {
		f.seats(8)
		f.held("a", 1, 2)
		f.held("b", 5)
		f.unchanged(func() { f.outcome(f.hold("c", 0, 5, 1, 3), holds.Taken, 5, 1) })
		f.held("c", 0, 3)
	}},
	{"an order with another request hash is refused and changes nothing", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		other := holds.Ask{Order: "a", Hash: "another", Places: []int{2}}
		f.unchanged(func() { f.outcome(f.ask(other), holds.Other) })
		f.freed("a", 1, 1)
		f.unchanged(func() { f.outcome(f.ask(other), holds.Other) })
	}},
	{"groups are independent", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		second := newFixture(f.T, f.b)
		second.seats(4)
		f.unchanged(func() { second.held("b", 1) })
		f.wantHolder("a", 1)
		second.wantHolder("b", 1)
	}},
	{"an invalid ask is refused and changes nothing", func(f *fixture) {
		f.seats(6)
		f.held("a", 1)
		for _, ask := range []holds.Ask{
			{Order: "", Hash: "h", Places: []int{0}},
			{Order: "b c", Hash: "h", Places: []int{0}},
			{Order: "b", Hash: "", Places: []int{0}},
			{Order: "b", Hash: "-", Places: []int{0}},
			{Order: "b", Hash: "h\n", Places: []int{0}},
			{Order: "b", Hash: "h"},
			{Order: "b", Hash: "h", Places: []int{0, 0}},
			{Order: "b", Hash: "h", Places: []int{-1}},
			{Order: "b", Hash: "h", Places: []int{0, 8}},
			{Order: "b", Hash: "h", Places: []int{0, 5000}},
		} {
			f.unchanged(func() {
				_, err := Hold(f.Context(), f.b, f.g, ask)
				f.wantErr(err, holds.ErrInvalid)
			})
		}
	}},
}
