package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// An order's step is sent again once it is late, counted from its hold or from its commit, and no other step is.
func TestALateStepIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		status contracts.Status
		// since is how long ago the hold was made; it lasts 5 minutes.
		since contracts.Instant
		want  message.Kind
		queue message.Queue
	}{
		{contracts.Held, 15*second - 1, "", ""},
		{contracts.Held, 15 * second, message.KindOpenPayment, message.QueuePayments},
		{contracts.Held, 5*minute + 15*second - 1, message.KindOpenPayment, message.QueuePayments},
		{contracts.Held, 5*minute + 15*second, message.KindExpireHold, message.QueueOrders},
		{contracts.AwaitingPayment, 5*minute - 75*second - 1, "", ""},
		{contracts.AwaitingPayment, 5*minute - 75*second, message.KindCheckPayment, message.QueuePayments},
		{contracts.AwaitingPayment, 5*minute + 10*second - 1, message.KindCheckPayment, message.QueuePayments},
		{contracts.AwaitingPayment, 5*minute + 10*second, "", ""},
		{contracts.AwaitingPayment, 5*minute + 15*second, message.KindExpireHold, message.QueueOrders},
		{contracts.Committed, 30*second - 1, "", ""},
		{contracts.Committed, 30 * second, message.KindCapturePayment, message.QueuePayments},
		{contracts.Committed, 60 * minute, message.KindCapturePayment, message.QueuePayments},
	} {
		w := newFixture(t)
		o := w.held(t, "A", c.status, w.Instant()-c.since)
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		first := w.steps(o.OrderID)
		if c.want == "" && len(first) > 0 || c.want != "" && (len(first) != 1 || first[0].Attributes.Kind != c.want || first[0].Queue != c.queue) {
			t.Errorf("%s for %d ms: sent %d messages, want %q of %s", c.status, c.since, len(first), c.want, c.queue)
			continue
		}
		if len(first) == 0 {
			continue
		}
		w.ForgetSent()
		w.SetTime(w.Instant() + minute)
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		for _, again := range w.steps(o.OrderID) {
			if again.DeduplicationID == first[0].DeduplicationID {
				t.Errorf("%s: the next run's message would be deduplicated", c.status)
			}
		}
	}
}

// A due step is sent whatever the concert: an order may wait for it whether its concert is on sale or not.
func TestDueStepsOfEveryConcertAreSent(t *testing.T) {
	for name, change := range map[string]func(*readmodel.Concert){
		"on sale":              func(*readmodel.Concert) {},
		"over for two hours":   func(c *readmodel.Concert) { c.OffSaleAt = 30 * minute },
		"closed early":         func(c *readmodel.Concert) { c.OffSaleAt = c.OnSaleAt },
		"postponed":            func(c *readmodel.Concert) { c.OnSaleAt, c.OffSaleAt = 5000*minute, 6000*minute },
		"of a layout to come":  func(c *readmodel.Concert) { c.LayoutVersion = 2 },
		"never frozen":         func(c *readmodel.Concert) { c.LayoutFrozen = 0 },
		"not there any more":   func(c *readmodel.Concert) { c.ConcertID = "other" },
		"without a layout now": func(c *readmodel.Concert) { c.ConcertID = "nocturne-gone" },
	} {
		w := newFixture(t)
		change(&w.Catalog.Concerts[0])
		opened, expired := w.held(t, "A", contracts.Held, w.Instant()-minute), w.held(t, "B", contracts.AwaitingPayment, w.Instant()-3*60*minute)
		captured := w.held(t, "gone", contracts.Committed, w.Instant()-24*60*minute)
		checked := w.held(t, "A", contracts.AwaitingPayment, w.Instant()-4*minute)
		report, err := w.run(t)
		if err != nil || report.Opened != 1 || report.Expired != 1 || report.Captured != 1 || report.Checked != 1 || report.Due != 4 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		for _, o := range []order.Order{opened, expired, captured, checked} {
			if len(w.steps(o.OrderID)) != 1 {
				t.Errorf("%s: the %s order gets %d messages, want 1", name, o.Status, len(w.steps(o.OrderID)))
			}
		}
	}
}

// If a run may not check the payments of all orders, it checks those whose holds end first, and no other step waits for them.
func TestChecksAreOfTheHoldsThatEndFirst(t *testing.T) {
	w := newFixture(t)
	w.reconciler.ChecksPerRun = 40
	var late []order.Order
	for i := range 100 {
		// They end from 74 s to 1 s after now; the last ones that are put end first.
		late = append(late, w.held(t, "A", contracts.AwaitingPayment, w.Instant()-5*minute+contracts.Instant(74-i*73/99)*second+contracts.Instant(i%2)))
		w.held(t, "B", contracts.Committed, w.Instant()-minute)
		w.held(t, "B", contracts.Held, w.Instant()-minute)
		w.held(t, "B", contracts.AwaitingPayment, w.Instant()-10*minute)
	}
	report, err := w.run(t)
	if err != nil || report.Checked != 40 || report.Left.Checks != 60 || report.Captured != 100 || report.Opened != 100 || report.Expired != 100 || report.Left.Due != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	slices.SortFunc(late, func(a, b order.Order) int { return int(a.HoldExpiresAt - b.HoldExpiresAt) })
	for i, o := range late {
		if got := len(w.steps(o.OrderID)) > 0; got != (i < 40) {
			t.Errorf("the order that ends %d ms after now, number %d, is checked: %v", o.HoldExpiresAt-w.Instant(), i, got)
		}
	}
}

// An order that cannot be read, or for which no message can be made, keeps no other order from its step.
func TestAnOrderThatCannotBeReadStopsNoOther(t *testing.T) {
	w := newFixture(t)
	var good []order.Order
	for i := range 350 {
		o := w.held(t, "A", contracts.Committed, w.Instant()-minute)
		switch i {
		case 17, 230:
			w.Inject(world.Fails(world.ReadMany).About(string(o.OrderID)).Always())
		default:
			good = append(good, o)
		}
	}
	w.heldIn(t, contracts.SeatGroup{ConcertID: "no concert's id", Group: "A"}, contracts.Committed, w.Instant()-minute)
	report, err := w.run(t)
	if err == nil || report.Captured != 348 || report.Left.Due != 3 {
		t.Errorf("%+v, %v", report, err)
	}
	for _, o := range good {
		if len(w.steps(o.OrderID)) != 1 {
			t.Fatalf("order %s gets %d messages, want 1", o.OrderID, len(w.steps(o.OrderID)))
		}
	}
}

// If messages to a queue, or reads of rows, fail, their orders are left to the next run, and the others get their steps.
func TestAFailedSendLeavesItsOrders(t *testing.T) {
	w := newFixture(t)
	for range 25 {
		w.held(t, "A", contracts.Committed, w.Instant()-minute)
		w.held(t, "B", contracts.AwaitingPayment, w.Instant()-10*minute)
	}
	w.Inject(world.Fails(world.Send).About("payments").Always())
	report, err := w.run(t)
	if err == nil || report.Expired != 25 || report.Captured != 0 || report.Left.Due != 25 {
		t.Errorf("%+v, %v", report, err)
	}
	w.Heal()
	w.failing(world.ReadMany)
	report, err = w.run(t)
	if err == nil || report.Left.Due != 50 {
		t.Errorf("%+v, %v", report, err)
	}
	w.Heal()
	if report, err = w.run(t); err != nil || report.Captured != 25 || report.Expired != 25 || report.Left.Due != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// Orders whose step can never be done stay due for ever. Even if there are more of them than a run handles, every order gets its
// turn: the earliest due, the latest, and those whose payment may be checked for the last time; each run is a new process.
func TestNoDueOrderStarves(t *testing.T) {
	w := newFixture(t)
	const stuck = 30_000
	waiting, longest := map[contracts.OrderID]bool{}, map[contracts.OrderID]bool{}
	for i := range stuck {
		id := w.held(t, fmt.Sprint("G-", i%300), contracts.Committed, w.Instant()-60*minute-contracts.Instant(i)).OrderID
		waiting[id], longest[id] = true, i >= stuck-3000
	}
	runs := 0
	for ; len(waiting) > 0; runs++ {
		if runs > 18 {
			t.Fatalf("after %d runs %d orders have had no turn", runs, len(waiting))
		}
		w.restart()
		w.ForgetSent()
		checked := w.held(t, "A", contracts.AwaitingPayment, w.Instant()-4*minute)
		report, err := w.run(t)
		if err != nil || report.Due != stuck+1 && report.Due != stuck+2 || report.Left.Due == 0 || report.Captured < 5000 || report.Captured > 10_000 {
			t.Fatalf("run %d: %+v, %v", runs, report, err)
		}
		if len(w.steps(checked.OrderID)) != 1 {
			t.Fatalf("run %d: the payment of the order that ends in a minute is not checked", runs)
		}
		oldest := 0
		for _, m := range w.Sent() {
			delete(waiting, m.Attributes.OrderID)
			if longest[m.Attributes.OrderID] {
				oldest++
			}
		}
		if oldest != 3000 {
			t.Fatalf("run %d: %d of the 3,000 that are due the longest have their turn", runs, oldest)
		}
		next, err := checked.Cancel(order.Cause{Kind: message.KindCancelOrder, At: w.Instant()})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Rows.Update(t.Context(), checked, next); err != nil {
			t.Fatal(err)
		}
		w.SetTime(w.Instant() + minute)
	}
	t.Logf("%d orders had their turn in %d runs", stuck, runs)
}
