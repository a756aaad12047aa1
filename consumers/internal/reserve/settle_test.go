package reserve_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

func (w *world) settle(t *testing.T, id contracts.OrderID, reason contracts.Reason) retry.Outcome {
	t.Helper()
	h := reserve.Settle{Seats: w.seats(), Orders: w, Tickets: w, Catalogue: w, Ending: w.ending(), Now: func() time.Time { return w.now.Time() }}
	return retry.Classify(h.Handle(t.Context(), message.Delivery{MessageID: "m-9", SequenceNumber: "9", SentAt: w.now}, message.SettleOrder{
		OrderID: id, ConcertID: group.ConcertID, Group: group.Group, Reason: reason, CommandID: "c-1",
	}))
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
			if err := w.rows.Update(t.Context(), held, other); err != nil {
				t.Fatal(err)
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
	for _, crash := range []string{"read", "tickets", "update", "update reply"} {
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

// A hold that is over in Redis while the row is open cannot be kept, however often the row is read: the message is done,
// since expire or a repair ends the matter, and its group goes on.
func TestAHoldThatCannotBeKeptDoesNotBlockItsGroup(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *world, row order.Order){
		"past its lapse": func(_ *testing.T, w *world, row order.Order) {
			w.now = row.HoldExpiresAt.Add(seatstate.LapseAfter)
		},
		"long past its lapse, and the group was loaded anew": func(_ *testing.T, w *world, row order.Order) {
			w.now = row.HoldExpiresAt.Add(time.Hour)
			w.holds.Wipe(group)
		},
		"ended under the row's version": func(t *testing.T, w *world, row order.Order) {
			if _, err := w.holds.Release(t.Context(), v1(group), row.OrderID, row.Version); err != nil {
				t.Fatal(err)
			}
		},
		"ended under a later version": func(t *testing.T, w *world, row order.Order) {
			if _, err := w.holds.Release(t.Context(), v1(group), row.OrderID, row.Version+1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.placed("A-1-1", "A-1-2")
			want(t, w.handle(t, m), retry.ClassDone, "")
			end(t, w, w.row(t, m.OrderID))
			w.reads = 0
			want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "hold_over")
			if row := w.row(t, m.OrderID); row.Status != contracts.Held || row.Version != 1 || w.reads != 2 {
				t.Errorf("row %s at %d after %d reads, want it as it was after 2", row.Status, row.Version, w.reads)
			}
		})
	}
}

// A row that has moved on since it was read is read again: what was stale is kept under its next version.
func TestAStaleKeepReadsTheRowAgain(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	want(t, w.handle(t, m), retry.ClassDone, "")
	held := w.row(t, m.OrderID)
	// Mirror has applied the next version before this handler reads a row that is not the latest any more.
	awaits, err := held.AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.now})
	if err != nil {
		t.Fatal(err)
	}
	if applied, err := w.holds.Keep(t.Context(), v1(group), holds.Kept{
		Ask: holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: []int{0}}, Version: 2, HeldAt: held.HeldAt, ExpiresAt: held.HoldExpiresAt,
	}); err != nil || applied != holds.OK {
		t.Fatal(applied, err)
	}
	w.onRead = func() {
		if w.reads == 2 {
			if err := w.rows.Update(t.Context(), held, awaits); err != nil {
				t.Fatal(err)
			}
		}
	}
	want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
	if len(w.taken()) != 1 {
		t.Errorf("places %v", w.taken())
	}
}

// An order that a sale displaced and that was told so ends with all its seats; one whose winner was revoked meanwhile is
// held again with all of them. Neither is left with a part.
func TestADisplacedOrderIsSettledWhole(t *testing.T) {
	for _, revoked := range []bool{false, true} {
		w := newWorld(t)
		m := w.placed("A-1-1", "A-1-2")
		want(t, w.handle(t, m), retry.ClassDone, "")
		w.lose("A-1-2")
		if told := w.soldTo(t, "another", 1); !slices.Equal(told, []contracts.OrderID{m.OrderID}) || !slices.Equal(w.taken(), []int{1}) {
			t.Fatalf("told %v, places %v", told, w.taken())
		}
		if !revoked {
			want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassDone, "")
			if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || !slices.Equal(w.taken(), []int{1}) {
				t.Errorf("row %s, places %v", row.Status, w.taken())
			}
			continue
		}
		w.rows.RemoveTicket(group, "A-1-2")
		// The sale is still in Redis: nothing of the hold is made.
		want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
		if got := w.heldIn("A", m.OrderID); len(got) != 0 {
			t.Errorf("places %v are held beside the sale", got)
		}
		w.withdraw(t, "another", 3, 1)
		want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
		w.wantHeldRow(t, m.OrderID, "A-1-1", "A-1-2")
	}
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
