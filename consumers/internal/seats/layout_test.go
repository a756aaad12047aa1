package seats_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

func (w *world) alarmed() bool {
	return strings.Contains(w.metrics.String(), telemetry.InvariantsBroken.Name)
}

// v2 is a group in the second layout version, which has five more seats.
func v2(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 2) }

// loadedInV1 is a world whose group was loaded in the first layout version, before the second was frozen. An order holds a
// place of it.
func loadedInV1(t *testing.T) *world {
	w := newWorld()
	if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
	if a, err := holdtest.Hold(t.Context(), w.store, v1(group), holds.Ask{Order: "e1former", Hash: "h", Places: []int{0}}); err != nil || a.Outcome != holds.Held {
		t.Fatal(a, err)
	}
	w.frozen = 2
	return w
}

// The group is replaced under a new epoch, by which a repair and the pages of buyers notice. What DynamoDB knows of it is at
// its places in the version that is sold.
func TestAGroupOfAnotherLayoutVersionIsReplaced(t *testing.T) {
	for name, ensure := range map[string]func(*world) error{
		"by a call that meets it": func(w *world) error {
			_, err := w.seats().Release(t.Context(), v2(group), "e1nobody", 1)
			return err
		},
		"by a release that names no version": func(w *world) error {
			w.store.Wipe(group)
			return seats.Release(t.Context(), w.seats(), seatstate.In(group, 0), "e1nobody", 1)
		},
		"by RebuildGroup": func(w *world) error {
			h := seats.Rebuild{Concerts: w, Groups: w.seats()}
			return h.Handle(t.Context(), message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := loadedInV1(t)
			placed := ordertest.Placed(group, "A-2-2")
			placed.LayoutVersion = 2
			open := w.put(t, ordertest.HeldOrder(placed))
			w.rows.PutTicket(group, "A-1-1", "sold-order")
			if err := ensure(w); err != nil {
				t.Fatal(err)
			}
			state := w.store.Inspect(group)
			if want := (seatstate.Revision{Epoch: 2, Rev: 1, LayoutVersion: 2}); state.Revision.Epoch != want.Epoch || state.Revision.LayoutVersion != want.LayoutVersion {
				t.Errorf("revision %v, want %v", state.Revision, want)
			}
			if len(state.Entries) != 2 || state.Entries[1].Order != open.OrderID || state.Entries[5].Order != "sold-order" {
				t.Errorf("entries %+v, want place 1 held by %s and place 5 sold", state.Entries, open.OrderID)
			}
			if w.alarmed() {
				t.Error("an alarm for a group that was only loaded too early")
			}
		})
	}
}

// A RebuildGroup is repeated by whoever wants the group: it is loaded anew once.
func TestAReplacedGroupStays(t *testing.T) {
	w := loadedInV1(t)
	h := seats.Rebuild{Concerts: w, Groups: w.seats()}
	for range 3 {
		if o := retry.Classify(h.Handle(t.Context(), message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"})); o.Class != retry.ClassDone {
			t.Fatalf("outcome %+v", o)
		}
	}
	if epoch := w.store.Inspect(group).Revision.Epoch; epoch != 2 {
		t.Errorf("epoch %d, want 2: loaded once in each version", epoch)
	}
}

// Nothing of another version is ever loaded, so that two rebuilds never take turns with a group: a call that means one is a
// fault of its row, and an alarm. It takes no token and no lock.
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
			before := w.store.Inspect(group)
			w.frozen = c.frozen
			err := w.loader().Ensure(t.Context(), seatstate.In(group, c.means))
			if o := retry.Classify(err); o.Class != retry.ClassPoison || o.Reason != c.reason || w.alarmed() != c.alarm {
				t.Errorf("outcome %s %q (%v), alarm %v; want poison %q, alarm %v", o.Class, o.Reason, err, w.alarmed(), c.reason, c.alarm)
			}
			if after := w.store.Inspect(group); after.Revision != before.Revision || after.Lock != 0 {
				t.Errorf("revision %v, lock %d; want %v and none", after.Revision, after.Lock, before.Revision)
			}
			if token, err := w.rows.NextToken(t.Context(), group); err != nil || token != 2 {
				t.Errorf("the next token is %d, %v; want 2", token, err)
			}
		})
	}
}

func TestRebuildGroupBeforeALayoutIsFrozenIsPoison(t *testing.T) {
	w := newWorld()
	w.frozen = 0
	h := seats.Rebuild{Concerts: w, Groups: w.seats()}
	o := retry.Classify(h.Handle(t.Context(), message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"}))
	if o.Class != retry.ClassPoison || o.Reason != "layout_not_frozen" || w.store.Inspect(group).Loaded {
		t.Errorf("outcome %+v", o)
	}
}

// A loader of the older version that was frozen past its lock comes back after the newer one was loaded.
func TestALateLoaderOfAnotherLayoutVersionIsRefused(t *testing.T) {
	w := newWorld()
	w.waits = func(time.Duration) {
		w.waits = func(time.Duration) {}
		w.now = w.now.Add(11 * time.Second) // the lock has ended
		w.frozen = 2
		if err := w.loader().Ensure(t.Context(), v2(group)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
	if r := w.store.Inspect(group).Revision; r.Epoch != 2 || r.LayoutVersion != 2 {
		t.Errorf("revision %v: the late load overwrote the group", r)
	}
}

// One row of another version, which is a fault, does not close its group for the whole sale. It is an alarm; what it owns is
// sold at the place that its seat has now, and what it holds is not held.
func TestARowOfAnotherLayoutVersionIsPassedOver(t *testing.T) {
	w := newWorld()
	w.frozen = 2
	w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-2", "A-9-9")))
	paid := ordertest.HeldOrder(ordertest.Placed(group, "A-1-4", "A-9-9"))
	w.put(t, paid)
	committed, err := paid.Commit("pi_1", order.Cause{Kind: message.KindPaymentAuthorized, At: paid.HeldAt})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rows.Update(t.Context(), paid, committed); err != nil {
		t.Fatal(err)
	}
	placed := ordertest.Placed(group, "A-2-1")
	placed.LayoutVersion = 2
	sound := w.put(t, ordertest.HeldOrder(placed))
	if err := w.loader().Ensure(t.Context(), v2(group)); err != nil {
		t.Fatal(err)
	}
	got := map[int]contracts.OrderID{}
	for p, entry := range w.store.Inspect(group).Entries {
		got[p] = entry.Order
	}
	if want := map[int]contracts.OrderID{0: sound.OrderID, 8: paid.OrderID}; !maps.Equal(got, want) || !w.alarmed() {
		t.Errorf("entries %v, want %v; alarm %v", got, want, w.alarmed())
	}
}
