package holdtest

import (
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

var releasePromises = []promise{
	{"what an order holds becomes free, and its record ends under the version", func(f *fixture) {
		f.seats(6)
		f.held("a", 4, 1)
		f.freed("a", 3, 4, 1)
		r := f.state().Records["a"]
		if r.State != seatstate.RecordEnded || r.Version != 3 || r.Hash != "hash-a" || r.HeldAt == 0 || len(r.Places) != 0 {
			f.Fatalf("record is %q", r)
		}
		f.held("b", 1, 4)
	}},
	{"an order that was released holds no more", func(f *fixture) {
		f.seats(6)
		f.held("a", 1)
		f.freed("a", 1, 1)
		f.unchanged(func() { f.outcome(f.hold("a", 1), holds.Gone) })
	}},
	{"a release that comes before the hold stops it", func(f *fixture) {
		f.seats(6)
		f.freed("a", 1)
		f.unchanged(func() { f.outcome(f.hold("a", 1), holds.Gone) })
		f.b.Advance(seatstate.RecordKept - time.Millisecond)
		f.unchanged(func() { f.outcome(f.hold("a", 1), holds.Gone) })
		f.b.Advance(time.Millisecond)
		f.held("a", 1)
	}},
	{"the same release again frees nothing and harms nothing", func(f *fixture) {
		f.seats(6)
		f.held("a", 1)
		f.freed("a", 2, 1)
		f.held("b", 1)
		f.freed("a", 2)
		f.wantHolder("b", 1)
	}},
	{"another order's release leaves a hold alone", func(f *fixture) {
		f.seats(6)
		f.held("a", 1, 2)
		f.hold("b", 2)
		f.freed("b", 1)
		f.wantHolder("a", 1, 2)
		f.outcome(f.hold("a", 1, 2), holds.Held, 1, 2)
	}},
	{"a release under an older version is stale and writes nothing", func(f *fixture) {
		f.load(holds.Load{Places: 6, Open: []holds.OpenOrder{open(f, "a", 3, 1, 2)}})
		f.unchanged(func() {
			if r := f.release("a", 2); !r.Stale || len(r.Freed) > 0 {
				f.Fatalf("release of version 2 after 3: %+v", r)
			}
		})
		f.freed("a", 3, 1, 2)
		f.freed("b", 5)
		f.unchanged(func() {
			if !f.release("b", 4).Stale {
				f.Fatal("release of version 4 after 5 is not stale")
			}
		})
	}},
	{"what was sold is never freed", func(f *fixture) {
		f.load(holds.Load{Places: 6, Sold: map[int]contracts.OrderID{2: "a"}})
		f.freed("a", 7)
		if e := f.state().Entries[2]; e.State != seatstate.Sold || e.Order != "a" {
			f.Fatalf("place 2 is %+v, want sold to a", e)
		}
	}},
	{"a release in a group that is not loaded fails", func(f *fixture) {
		f.unchanged(func() {
			_, err := f.b.Release(f.Context(), f.g, "a", 1)
			f.wantErr(err, holds.ErrNotLoaded)
		})
	}},
	{"an invalid release is refused and changes nothing", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		for _, c := range []struct {
			order   contracts.OrderID
			version int
		}{{"", 1}, {"a b", 1}, {"a", 0}, {"a", -1}} {
			f.unchanged(func() {
				_, err := f.b.Release(f.Context(), f.g, c.order, c.version)
				f.wantErr(err, holds.ErrInvalid)
			})
		}
	}},
}

// open returns an open row whose hold was made a minute ago.
func open(f *fixture, order contracts.OrderID, version int, places ...int) holds.OpenOrder {
	heldAt := f.b.Now().Add(-time.Minute)
	return holds.OpenOrder{
		Ask:     holds.Ask{Order: order, Hash: "hash-" + string(order), Places: places},
		Version: version, HeldAt: heldAt, ExpiresAt: heldAt.Add(HoldFor),
	}
}
