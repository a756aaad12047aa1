package reserve_test

import (
	"testing"

	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func (w *fixture) cancel(t *testing.T, id contracts.OrderID) error {
	t.Helper()
	h := reserve.Cancel{Orders: w.orders(), Ending: w.ending(), Now: w.Now}
	m := message.CancelOrder{OrderID: id, ConcertID: group.ConcertID, Group: group.Group, CommandID: "v1"}
	return h.Handle(t.Context(), message.Delivery{MessageID: "m-9"}, m)
}

func TestCancelInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		t.Run(string(status), func(t *testing.T) {
			w := newFixture(t)
			m := w.placed("A-1-1")
			world.WantDone(t, w.handle(t, m))
			held := w.Row(t, m.OrderID)
			other := held
			other.Status, other.Version = status, 4
			w.update(t, held, other)
			outcome := w.cancel(t, m.OrderID)
			switch {
			case status.Open():
				world.WantDone(t, outcome)
				row := w.WantRow(t, m.OrderID, contracts.Cancelled, 5)
				w.WantTaken(t, group)
				if row.OpenGroup != "" {
					t.Errorf("the row is still in the index, in %s", row.OpenGroup)
				}
				if last := row.History[len(row.History)-1]; last.Cause != "CancelOrder" || last.MessageID != "m-9" {
					t.Errorf("history ends with %s %s", last.Cause, last.MessageID)
				}
			case status.EndedUnpaid():
				world.WantDone(t, outcome)
				w.WantRow(t, m.OrderID, status, 4)
				w.WantTaken(t, group)
			default:
				world.WantOutcome(t, outcome, retry.ClassRefused, "not_open")
				w.WantRow(t, m.OrderID, status, 4)
				w.WantTaken(t, group, 0)
			}
		})
	}
}

func TestCancelEndsTheSameAfterACrash(t *testing.T) {
	for _, fault := range []world.Fault{
		world.Fails(world.Read), world.Fails(world.Update), world.LosesAnswer(world.Update), world.CrashesAfter(world.Update),
	} {
		w := newFixture(t)
		w.Catalog.Concerts[0].LimitPerBuyer = 2
		m := w.placed("A-1-1", "A-1-2")
		world.WantDone(t, w.handle(t, m))
		w.Inject(fault)
		err := w.cancel(t, m.OrderID)
		if fault != world.CrashesAfter(world.Update) { // after it there is only the release, which mirror makes up for
			world.WantRetryable(t, err)
		}
		w.Restart()
		for range 2 {
			world.WantDone(t, w.cancel(t, m.OrderID))
		}
		n, err := w.Rows.Allowance(t.Context(), m.ConcertID, m.UserID)
		if n != 0 || err != nil {
			t.Errorf("after %s: %d seats are counted, want none (%v)", fault, n, err)
		}
		w.WantRow(t, m.OrderID, contracts.Cancelled, 2)
		w.WantTaken(t, group)
		// Another buyer gets its seats at once.
		world.WantDone(t, w.handle(t, w.placed("A-1-1")))
	}
}

func TestCancelBeforeTheRowIsRedelivered(t *testing.T) {
	world.WantRetryable(t, newFixture(t).cancel(t, ordertest.NewID()))
}

// The order is paid between the read and the write: the handler reads again and leaves it.
func TestCancelLosesAgainstAPayment(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	world.WantDone(t, w.handle(t, m))
	held := w.Row(t, m.OrderID)
	w.Meanwhile(world.Update, func() {
		paid := held
		paid.Status, paid.Version = contracts.Committed, 2
		w.update(t, held, paid)
	})
	world.WantOutcome(t, w.cancel(t, m.OrderID), retry.ClassRefused, "not_open")
	w.WantRow(t, m.OrderID, contracts.Committed, 2)
	w.WantTaken(t, group, 0)
}
