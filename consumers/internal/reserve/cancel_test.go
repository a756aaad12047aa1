package reserve_test

import (
	"errors"
	"testing"
	"time"

	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func (w *world) cancel(t *testing.T, id contracts.OrderID) retry.Outcome {
	t.Helper()
	h := reserve.Cancel{Orders: w, Ending: w.ending(), Now: func() time.Time { return w.now.Time() }}
	return retry.Classify(h.Handle(t.Context(), message.Delivery{MessageID: "m-9"}, message.CancelOrder{OrderID: id, ConcertID: group.ConcertID, Group: group.Group, CommandID: "v1"}))
}

func TestCancelInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			m := w.placed("A-1-1")
			want(t, w.handle(t, m), retry.ClassDone, "")
			held := w.row(t, m.OrderID)
			other := held
			other.Status, other.Version = status, 4
			if err := w.rows.Update(t.Context(), held, other); err != nil {
				t.Fatal(err)
			}
			outcome := w.cancel(t, m.OrderID)
			row := w.row(t, m.OrderID)
			switch {
			case status.Open():
				want(t, outcome, retry.ClassDone, "")
				if row.Status != contracts.Cancelled || row.Version != 5 || len(w.taken()) != 0 || row.OpenGroup != "" {
					t.Errorf("row %s at %d, places %v", row.Status, row.Version, w.taken())
				}
				if last := row.History[len(row.History)-1]; last.Cause != "CancelOrder" || last.MessageID != "m-9" {
					t.Errorf("history ends with %+v", last)
				}
			case status == contracts.Rejected, status == contracts.Expired, status == contracts.Cancelled:
				want(t, outcome, retry.ClassDone, "")
				if row.Version != 4 || len(w.taken()) != 0 {
					t.Errorf("row at %d, places %v", row.Version, w.taken())
				}
			default:
				want(t, outcome, retry.ClassRefused, "not_open")
				if row.Version != 4 || len(w.taken()) != 1 {
					t.Errorf("row at %d, places %v", row.Version, w.taken())
				}
			}
		})
	}
}

func TestCancelEndsTheSameAfterACrash(t *testing.T) {
	for _, crash := range []string{"read", "update", "update reply"} {
		w := newWorld(t)
		w.limit = 2
		m := w.placed("A-1-1", "A-1-2")
		want(t, w.handle(t, m), retry.ClassDone, "")
		w.fail[crash] = errors.New("broken connection")
		want(t, w.cancel(t, m.OrderID), retry.ClassRetryable, "")
		for range 2 {
			want(t, w.cancel(t, m.OrderID), retry.ClassDone, "")
		}
		n, err := w.rows.Allowance(t.Context(), m.ConcertID, m.UserID)
		if row := w.row(t, m.OrderID); row.Status != contracts.Cancelled || row.Version != 2 || len(w.taken()) != 0 || n != 0 || err != nil {
			t.Errorf("after %s: row %s at %d, places %v, %d counted", crash, row.Status, row.Version, w.taken(), n)
		}
		// Its seats are another buyer's at once.
		want(t, w.handle(t, w.placed("A-1-1")), retry.ClassDone, "")
	}
}

func TestCancelBeforeTheRowComesAgain(t *testing.T) {
	want(t, newWorld(t).cancel(t, ordertest.NewID()), retry.ClassRetryable, "")
}

// The order is paid between the read and the write: the handler reads again and leaves it.
func TestCancelLosesAgainstAPayment(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	want(t, w.handle(t, m), retry.ClassDone, "")
	held := w.row(t, m.OrderID)
	w.changes = func() {
		paid := held
		paid.Status, paid.Version = contracts.Committed, 2
		if err := w.rows.Update(t.Context(), held, paid); err != nil {
			t.Fatal(err)
		}
	}
	want(t, w.cancel(t, m.OrderID), retry.ClassRefused, "not_open")
	if row := w.row(t, m.OrderID); row.Status != contracts.Committed || len(w.taken()) != 1 {
		t.Errorf("row %s, places %v", row.Status, w.taken())
	}
}
