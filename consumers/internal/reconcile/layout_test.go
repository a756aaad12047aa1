package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// A group that is in Redis in another layout version than the one that is sold is rebuilt like one that is not loaded. It is neither
// swept nor compared: its places are other seats, and every order of it would differ.
func TestAGroupInAnotherLayoutVersionIsRebuilt(t *testing.T) {
	w := newFixture(t)
	w.holding(t, ordertest.NewID(), 0)
	w.seated(t, contracts.Held, "A-1-3")
	w.Catalog.Concerts[0].LayoutVersion, w.Catalog.Concerts[0].LayoutFrozen = 2, 2
	w.Advance(5*time.Minute + seatstate.LapseAfter)
	before := w.Holds.Inspect(group("A"))
	report, err := w.run(t)
	if err != nil || report.Groups != 2 || report.Rebuilt != 2 || w.kinds()[message.KindRebuildGroup] != 2 {
		t.Errorf("report %+v, %v, sent %v; want both groups rebuilt", report, err, w.kinds())
	}
	if report.Swept != 0 || report.Repaired != 0 || w.Count(world.State) != 0 || w.Holds.Inspect(group("A")).Revision != before.Revision {
		t.Errorf("report %+v, %d readings of groups; want neither swept nor compared", report, w.Count(world.State))
	}
}

// Once a group is loaded in the version that is sold, it is compared anew, whatever the process remembers of the former one.
func TestAGroupThatWasReplacedIsCompared(t *testing.T) {
	w := newFixture(t)
	w.wantRun(t, 0, 0)
	w.Catalog.Concerts[0].LayoutVersion, w.Catalog.Concerts[0].LayoutFrozen = 2, 2
	g := seatstate.In(group("A"), 2)
	if locked, err := w.Holds.Lock(t.Context(), g.SeatGroup, 9, time.Minute); err != nil || !locked {
		t.Fatal(locked, err)
	}
	if err := w.Holds.Load(t.Context(), g, holds.Load{Token: 9, Places: 40}); err != nil {
		t.Fatal(err)
	}
	m := ordertest.Placed(group("A"), "A-1-5")
	m.LayoutVersion = 2
	open := w.holdNow(m)
	ordertest.Put(t, w.Rows, open)
	w.wantRun(t, 1, 0)
	free := world.Free
	w.WantPlaces(t, group("A"), free, free, free, free, world.HeldBy(open.OrderID))
}

// One row of another layout version, which is a fault, does not keep a group from being repaired. It is an alarm; seats that it owns
// stay sold, and seats that it holds are left as they are.
func TestARowOfAnotherLayoutVersionKeepsNoGroupFromRepair(t *testing.T) {
	w := newFixture(t)
	w.reconciler.Meter = w.Meter("reconcile")
	odd := func(status contracts.Status, seats ...string) order.Order {
		m := ordertest.Placed(group("A"), seats...)
		m.LayoutVersion = 3
		o := w.holdNow(m)
		o.Status = status
		ordertest.Put(t, w.Rows, o)
		return o
	}
	odd(contracts.Held, "A-1-1", "B-9-9")
	held := odd(contracts.Held, "A-1-2")
	w.holding(t, held.OrderID, 1)
	paid := odd(contracts.Committed, "A-1-3", "B-9-9")
	ended := odd(contracts.Cancelled, "A-1-4")
	w.holding(t, ended.OrderID, 3)
	sound := w.seated(t, contracts.AwaitingPayment, "A-1-5")
	w.wantRun(t, 3, 0)
	w.WantPlaces(t, group("A"), world.Free, world.HeldBy(held.OrderID), world.SoldTo(paid.OrderID), world.Free, world.HeldBy(sound.OrderID))
	if n := strings.Count(w.Metrics.String(), `"`+telemetry.InvariantsBroken.Name+`":1`); n != 3 {
		t.Errorf("%d alarms, want one for each open or paid row of another layout", n)
	}
}
