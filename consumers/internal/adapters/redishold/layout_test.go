package redishold_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// unversioned gives the group the revision of a program without layout versions.
func (b *backend) unversioned(t *testing.T, g seatstate.GroupVersion) {
	t.Helper()
	if err := b.client.Set(t.Context(), seatstate.KeysOf(g.SeatGroup).Rev, "1.7", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

// Groups that such a program loaded are in Redis when this one starts. It is not known which seats their places are, so no
// script uses them.
func TestGroupWithoutLayoutVersionIsNotLoaded(t *testing.T) {
	b := openBackend(t)
	groups := newTargets(t, b)
	b.unversioned(t, groups["hold"])
	before := dump(t, b.client, groups["hold"].SeatGroup)
	for name, args := range good {
		if name == "load" {
			continue
		}
		if answer, err := b.call(name, groups[name], args); err != nil || answer[0] != "NOT_LOADED" {
			t.Errorf("%s: %v, %v; want NOT_LOADED", name, answer, err)
		}
	}
	if err := b.Loaded(t.Context(), groups["hold"]); !errors.Is(err, holds.ErrNotLoaded) {
		t.Errorf("loaded: %v, want %v", err, holds.ErrNotLoaded)
	}
	if maps, err := b.Maps(t.Context(), []seatstate.GroupVersion{groups["hold"]}); err != nil || maps[0].Loaded {
		t.Errorf("maps: %+v, %v; want it not loaded", maps, err)
	}
	wantDump(t, b.client, groups["hold"].SeatGroup, before)
}

func TestGroupWithoutLayoutVersionIsLoadedAgain(t *testing.T) {
	b := openBackend(t)
	g := newTargets(t, b)["hold"]
	b.unversioned(t, g)
	// Its orders can still be released: a release names no place.
	if r, err := b.Release(t.Context(), seatstate.In(g.SeatGroup, 0), "a", 2); err != nil || !slices.Equal(r.Freed, []int{1, 2}) {
		t.Errorf("release: %+v, %v; want 1 and 2 freed", r, err)
	}
	if locked, err := b.Lock(t.Context(), g.SeatGroup, 2, time.Minute); err != nil || !locked {
		t.Fatalf("lock: %v, %v", locked, err)
	}
	if err := b.Load(t.Context(), g, holds.Load{Token: 2, Places: 20, Sold: map[int]contracts.OrderID{9: "s"}}); err != nil {
		t.Fatal(err)
	}
	state, err := b.Inspect(t.Context(), g.SeatGroup)
	if err == nil {
		err = holdtest.Consistent(state)
	}
	if want := (seatstate.Revision{Epoch: 2, Rev: 1, LayoutVersion: g.LayoutVersion}); err != nil || state.Revision != want || len(state.Entries) != 1 || len(state.Records) != 0 {
		t.Errorf("state is %+v, %v; want revision %v, place 9 sold and nothing else", state, err, want)
	}
}
