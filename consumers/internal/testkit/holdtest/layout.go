package holdtest

import (
	"errors"
	"fmt"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// calls makes each handler's call that would change or show a group of four places in which a holds place 1, and returns
// the errors by name.
func (f *fixture) calls(g seatstate.GroupVersion) map[string]error {
	errs, seen := map[string]error{}, map[int]seatstate.Entry{0: {}}
	change := holds.Change{Order: "x", Version: 2, Hash: "h", Want: seatstate.Sold, Places: []int{0}, Seen: seen}
	_, errs["hold"] = f.b.Hold(f.Context(), g, holds.Run{Asks: []holds.Ask{{Order: "x", Hash: "h", Places: []int{0}}}})
	_, errs["forward"] = f.b.Forward(f.Context(), g, "x", "h", holds.Forwarding{Group: "B", Hop: 1})
	_, errs["keep"] = f.b.Keep(f.Context(), g, holds.Kept(open(f, "x", 2, 0)))
	_, errs["sell"] = f.b.Sell(f.Context(), g, "x", []int{1}, 2)
	_, errs["restore"] = f.b.Restore(f.Context(), g, "a", []int{1}, 2)
	if g.LayoutVersion != 0 { // a release that names none has a promise of its own
		_, errs["release"] = f.b.Release(f.Context(), g, "a", 2)
	}
	_, errs["repair"] = f.b.Repair(f.Context(), g, f.state().Revision.Epoch, []holds.Change{change})
	_, errs["sweep"] = f.b.Sweep(f.Context(), g)
	_, errs["state"] = f.b.State(f.Context(), g)
	errs["loaded"] = f.b.Loaded(f.Context(), g)
	return errs
}

// in returns the fixture's group in another layout version.
func (f *fixture) in(layoutVersion int) seatstate.GroupVersion {
	return seatstate.In(f.g.SeatGroup, layoutVersion)
}

var layoutPromises = []promise{
	{"a group is not loaded for a call of another layout version, older or newer", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		for _, version := range []int{f.g.LayoutVersion - 1, f.g.LayoutVersion + 1} {
			f.unchanged(func() {
				for name, err := range f.calls(f.in(version)) {
					if !errors.Is(err, holds.ErrNotLoaded) {
						f.Errorf("%s in layout %d of a group in layout %d: %v, want %v", name, version, f.g.LayoutVersion, err, holds.ErrNotLoaded)
					}
				}
				maps, err := f.b.Maps(f.Context(), []seatstate.GroupVersion{f.in(version), f.g})
				if err != nil || maps[0].Loaded || maps[0].Map != nil || !maps[1].Loaded {
					f.Errorf("maps in layout %d and of the group: %+v, %v; want the second alone", version, maps, err)
				}
			})
		}
	}},
	{"every call without a layout version is refused, except a release", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		for _, version := range []int{0, -1} {
			f.unchanged(func() {
				for name, err := range f.calls(f.in(version)) {
					if !errors.Is(err, holds.ErrInvalid) {
						f.Errorf("%s in layout %d: %v, want %v", name, version, err, holds.ErrInvalid)
					}
				}
			})
		}
		f.lock(9, true)
		f.unchanged(func() { f.wantErr(f.b.Load(f.Context(), f.in(0), holds.Load{Token: 9, Places: 4}), holds.ErrInvalid) })
	}},
	{"a release without a layout version frees what the order holds in the version that is loaded", func(f *fixture) {
		_, err := f.b.Release(f.Context(), f.in(0), "a", 2)
		f.wantErr(err, holds.ErrNotLoaded)
		f.seats(4)
		f.held("a", 1, 2)
		f.step(func() error {
			r, err := f.b.Release(f.Context(), f.in(0), "a", 2)
			if err == nil && (r.Stale || !slices.Equal(r.Freed, []int{1, 2})) {
				err = fmt.Errorf("freed %v, stale %v", r.Freed, r.Stale)
			}
			return err
		})
		f.outcome(f.hold("a", 1), holds.Gone)
	}},
	{"a load replaces a group of another layout version, older or newer, and nothing of it is left", func(f *fixture) {
		f.load(holds.Load{Places: 12, Sold: map[int]contracts.OrderID{0: "s"}, Open: []holds.OpenOrder{open(f, "o", 2, 1)}})
		f.held("a", 11)
		f.freed("e", 3)
		for _, version := range []int{f.g.LayoutVersion + 1, f.g.LayoutVersion - 1} {
			before := f.g
			f.g = f.in(version)
			f.load(holds.Load{Places: 4, Open: []holds.OpenOrder{open(f, "p", 2, 3)}})
			s := f.state()
			if len(s.Entries) != 1 || len(s.Records) != 1 || len(s.Ends) != 0 || len(s.Map) != seatstate.MapBytes(4) {
				f.Fatalf("state is %+v, want place 3 held and nothing else", s)
			}
			f.wantErr(f.b.Loaded(f.Context(), before), holds.ErrNotLoaded)
			f.held("a", 1)
			f.freed("a", 1, 1)
		}
	}},
	{"a load of another layout version under the group's token or an earlier one is refused: the epoch only rises", func(f *fixture) {
		f.token = 9 // of one digit, so that the next has two
		f.seats(4)
		f.held("a", 1)
		for _, token := range []int64{10, 9, 1} {
			f.lock(token, true)
			f.unchanged(func() {
				f.wantErr(f.b.Load(f.Context(), f.in(3), holds.Load{Token: token, Places: 4}), holds.ErrLoadRefused)
			})
			f.unlock(token)
		}
		f.token = 99
		f.g = f.in(3)
		f.seats(8)
	}},
	{"a load of another layout version without the lock is refused", func(f *fixture) {
		f.seats(4)
		f.unchanged(func() {
			f.wantErr(f.b.Load(f.Context(), f.in(3), holds.Load{Token: 7, Places: 4}), holds.ErrLoadRefused)
		})
		f.lock(8, true)
		f.unchanged(func() {
			f.wantErr(f.b.Load(f.Context(), f.in(3), holds.Load{Token: 7, Places: 4}), holds.ErrLoadRefused)
		})
	}},
	{"a load of the layout version that is loaded is refused under a later token as well", func(f *fixture) {
		f.seats(4)
		f.held("a", 1)
		f.lock(7, true)
		f.unchanged(func() {
			f.wantErr(f.b.Load(f.Context(), f.g, holds.Load{Token: 7, Places: 4}), holds.ErrLoadRefused)
		})
	}},
	{"a repair of what was read in another layout version changes nothing, whatever the epoch", func(f *fixture) {
		f.seats(4)
		before := f.g
		f.g = f.in(3)
		f.seats(4)
		change := holds.Change{Order: "x", Version: 2, Hash: "h", Want: seatstate.Sold, Places: []int{0}, Seen: map[int]seatstate.Entry{0: {}}}
		f.unchanged(func() {
			_, err := f.b.Repair(f.Context(), before, f.token, []holds.Change{change})
			f.wantErr(err, holds.ErrNotLoaded)
		})
	}},
}
