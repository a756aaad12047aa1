package seats_test

import (
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// v2 is a group in the second layout version, which has five more seats.
func v2(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 2) }

// loadedInV1 is a fixture whose group was loaded in the first layout version, before the second was frozen. An order holds a place
// of it.
func loadedInV1(t *testing.T) *fixture {
	w := newFixture()
	w.ensure(t)
	ask := holds.Ask{Order: "e1former", Hash: "h", Places: []int{0}}
	if a, err := holdtest.Hold(t.Context(), w.Holds, v1(group), ask); err != nil || a.Outcome != holds.Held {
		t.Fatal(a, err)
	}
	w.freeze(2)
	return w
}

// The group is replaced under a new epoch, which a repair and the pages of buyers notice. Rows and tickets are at their places in
// the version that is sold.
func TestAGroupOfAnotherLayoutVersionIsReplaced(t *testing.T) {
	for name, ensure := range map[string]func(*fixture) error{
		"by a call for the new version": func(w *fixture) error {
			_, err := w.Seats().Release(t.Context(), v2(group), "e1nobody", 1)
			return err
		},
		"by a release that names no version": func(w *fixture) error {
			w.Holds.Wipe(group)
			return seats.Release(t.Context(), w.Seats(), seatstate.In(group, 0), "e1nobody", 1)
		},
		"by RebuildGroup": func(w *fixture) error {
			return w.rebuild(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := loadedInV1(t)
			placed := ordertest.Placed(group, "A-2-2")
			placed.LayoutVersion = 2
			open := w.put(t, ordertest.HeldOrder(placed))
			w.Rows.PutTicket(group, "A-1-1", "sold-order")
			if err := ensure(w); err != nil {
				t.Fatal(err)
			}
			state := w.Holds.Inspect(group)
			if state.Revision.Epoch != 2 || state.Revision.LayoutVersion != 2 {
				t.Errorf("revision %v, want epoch 2 and layout 2", state.Revision)
			}
			free := world.Free
			w.WantPlaces(t, group, free, world.HeldBy(open.OrderID), free, free, free, world.SoldTo("sold-order"))
			w.WantAlarm(t, false) // the group was only loaded too early
		})
	}
}

// A RebuildGroup that is repeated loads the group anew once.
func TestAReplacedGroupStays(t *testing.T) {
	w := loadedInV1(t)
	for range 3 {
		world.WantDone(t, w.rebuild(t))
	}
	if epoch := w.Holds.Inspect(group).Revision.Epoch; epoch != 2 {
		t.Errorf("epoch %d, want 2: loaded once in each version", epoch)
	}
}

// No other version than the frozen one is ever loaded, so that two rebuilds never take turns with a group: a call for another
// version is a fault of its row, and an alarm. It takes no token and no lock.
func TestACallThatMeansAnotherLayoutVersionIsPoison(t *testing.T) {
	for name, c := range map[string]struct {
		frozen, means int
		reason        string
		alarm         bool
	}{
		"older than the frozen one":         {2, 1, "layout_version", true},
		"newer than the frozen one":         {2, 3, "layout_version", true},
		"before a layout is frozen":         {0, 1, "layout_not_frozen", true},
		"no version, with no layout frozen": {0, 0, "layout_not_frozen", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := loadedInV1(t)
			before := w.Holds.Inspect(group)
			w.freeze(c.frozen)
			err := w.loader().Ensure(t.Context(), seatstate.In(group, c.means))
			world.WantOutcome(t, err, retry.ClassPoison, c.reason)
			w.WantAlarm(t, c.alarm)
			if after := w.Holds.Inspect(group); after.Revision != before.Revision || after.Lock != 0 {
				t.Errorf("revision %v, lock %d; want %v and none", after.Revision, after.Lock, before.Revision)
			}
			if token, err := w.Rows.NextToken(t.Context(), group); err != nil || token != 2 {
				t.Errorf("the next token is %d, %v; want 2", token, err)
			}
		})
	}
}

func TestRebuildGroupBeforeALayoutIsFrozenIsPoison(t *testing.T) {
	w := newFixture()
	w.freeze(0)
	world.WantOutcome(t, w.rebuild(t), retry.ClassPoison, "layout_not_frozen")
	if w.Holds.Inspect(group).Loaded {
		t.Error("the group is loaded")
	}
}

// A loader of the older version is frozen past its lock, and goes on after the newer version was loaded.
func TestALateLoaderOfAnotherLayoutVersionIsRefused(t *testing.T) {
	w := newFixture()
	w.waits = func(time.Duration) {
		w.waits = func(time.Duration) {}
		w.Advance(11 * time.Second) // the lock has ended
		w.freeze(2)
		if err := w.loader().Ensure(t.Context(), v2(group)); err != nil {
			t.Fatal(err)
		}
	}
	w.ensure(t)
	if r := w.Holds.Inspect(group).Revision; r.Epoch != 2 || r.LayoutVersion != 2 {
		t.Errorf("revision %v: the late load overwrote the group", r)
	}
}

// One row of another version, which is a fault, does not close its group for the whole sale. It is an alarm; seats that it owns are
// sold at the places that they have now, and seats that it holds are not held.
func TestARowOfAnotherLayoutVersionClosesNoGroup(t *testing.T) {
	w := newFixture()
	w.freeze(2)
	w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-2", "A-9-9")))
	paid := ordertest.HeldOrder(ordertest.Placed(group, "A-1-4", "A-9-9"))
	w.put(t, paid)
	committed, err := paid.Commit("pi_1", order.Cause{Kind: message.KindPaymentAuthorized, At: paid.HeldAt})
	if err != nil {
		t.Fatal(err)
	}
	w.update(t, paid, committed)
	placed := ordertest.Placed(group, "A-2-1")
	placed.LayoutVersion = 2
	sound := w.put(t, ordertest.HeldOrder(placed))
	if err := w.loader().Ensure(t.Context(), v2(group)); err != nil {
		t.Fatal(err)
	}
	var places [9]world.Place
	places[0], places[8] = world.HeldBy(sound.OrderID), world.SoldTo(paid.OrderID)
	w.WantPlaces(t, group, places[:]...)
	w.WantAlarm(t, true)
}
