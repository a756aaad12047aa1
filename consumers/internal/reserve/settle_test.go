package reserve_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/ordertest"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func (w *world) settle(t *testing.T, id contracts.OrderID, reason contracts.Reason) retry.Outcome {
	t.Helper()
	h := reserve.Settle{Holds: w, Orders: w, Tickets: w, Catalogue: w, Loader: w.loader(), Ending: w.ending(), Now: func() time.Time { return w.now.Time() }}
	return h.Handle(t.Context(), message.Delivery{MessageID: "m-9", SequenceNumber: "9", SentAt: w.now}, message.SettleOrder{
		OrderID: id, ConcertID: group.ConcertID, Group: group.Group, Reason: reason, CommandID: "c-1",
	})
}

// lose sells a seat to another order, whose ticket is there, as a commit does.
func (w *world) lose(seat string) { w.rows.PutTicket(group, seat, "another") }

func TestSettleInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			m := w.placed("A-1-1", "A-1-2")
			want(t, w.handle(t, m), retry.ClassDone, "")
			held := w.row(t, m.OrderID)
			other := held
			other.Status, other.Version = status, 4
			if done, err := w.rows.Update(t.Context(), held, other); !done || err != nil {
				t.Fatal(done, err)
			}
			w.lose("A-1-2")
			outcome := w.settle(t, m.OrderID, contracts.ReasonSeatLost)
			row := w.row(t, m.OrderID)
			switch {
			case status.Open():
				want(t, outcome, retry.ClassDone, "")
				if row.Status != contracts.Rejected || row.Version != 5 || row.Reason.Code != contracts.ReasonSeatLost || !slices.Equal(row.Reason.Seats, []string{"A-1-2"}) || len(w.taken()) != 0 {
					t.Errorf("row %+v, places %v", row, w.taken())
				}
			case status == contracts.Rejected, status == contracts.Expired, status == contracts.Cancelled:
				want(t, outcome, retry.ClassDone, "")
				if row.Version != 4 || len(w.taken()) != 0 {
					t.Errorf("row at %d, places %v", row.Version, w.taken())
				}
			default:
				want(t, outcome, retry.ClassRefused, "not_open")
				if row.Version != 4 || len(w.taken()) != 2 {
					t.Errorf("row at %d, places %v", row.Version, w.taken())
				}
			}
		})
	}
}

func TestSettleEndsTheSameAfterACrash(t *testing.T) {
	for _, crash := range []string{"read", "tickets", "update", "update reply", "release"} {
		w := newWorld(t)
		w.limit = 2
		m := w.placed("A-1-1", "A-1-2")
		want(t, w.handle(t, m), retry.ClassDone, "")
		w.lose("A-1-1")
		w.fail[crash] = errors.New("broken connection")
		want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRetryable, "")
		for range 2 {
			want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassDone, "")
		}
		n, err := w.rows.Allowance(t.Context(), m.ConcertID, m.UserID)
		if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || row.Version != 2 || len(w.taken()) != 0 || n != 0 || err != nil {
			t.Errorf("after %s: row %s at %d, places %v, %d counted", crash, row.Status, row.Version, w.taken(), n)
		}
	}
}

// That a seat was lost is believed only when a ticket shows it. Otherwise the order keeps its hold, also where Redis
// had lost it.
func TestASeatThatWasNotLostAfterAll(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1", "A-1-2")
	want(t, w.handle(t, m), retry.ClassDone, "")
	w.holds.Wipe(group)
	want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
	if row := w.row(t, m.OrderID); row.Status != contracts.Held || row.Version != 1 || !slices.Equal(w.taken(), []int{0, 1}) {
		t.Errorf("row %s at %d, places %v", row.Status, row.Version, w.taken())
	}
	w.rows.PutTicket(group, "A-1-1", m.OrderID)
	want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
}

// The winner is revoked between the look at the tickets and the write: the order is not rejected.
func TestTheWinnerIsRevokedMeanwhile(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	want(t, w.handle(t, m), retry.ClassDone, "")
	w.lose("A-1-1")
	w.changes = func() { w.rows.RemoveTicket(group, "A-1-1") }
	want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
	if row := w.row(t, m.OrderID); row.Status != contracts.Held || len(w.taken()) != 1 {
		t.Errorf("row %s, places %v", row.Status, w.taken())
	}
}

func TestAnOperatorSettles(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	want(t, w.handle(t, m), retry.ClassDone, "")
	want(t, w.settle(t, m.OrderID, contracts.ReasonInternal), retry.ClassDone, "")
	if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonInternal || len(w.taken()) != 0 {
		t.Errorf("row %+v, places %v", row, w.taken())
	}
}

// An order without a row gets one; its own PlaceOrder finds it and gives back what it holds.
func TestSettleBeforeTheRow(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	w.fail["put"] = errors.New("broken connection")
	want(t, w.handle(t, m), retry.ClassRetryable, "")
	want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassDone, "")
	if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonSeatLost || !row.OwnedBy(m.UserID) {
		t.Errorf("row %+v", row)
	}
	want(t, w.handle(t, m), retry.ClassDone, "")
	if len(w.taken()) != 0 {
		t.Errorf("places %v", w.taken())
	}
	want(t, w.settle(t, ordertest.NewID(), contracts.ReasonInternal), retry.ClassDone, "")
}
