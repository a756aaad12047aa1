package reserve_test

import (
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

func (w *fixture) settler() reserve.Settle {
	return reserve.Settle{
		Seats: w.Seats(), Orders: w.orders(), Tickets: w.Orders(), Catalogue: w.Catalogue(), Ending: w.ending(), Now: w.Now,
	}
}

func (w *fixture) settle(t *testing.T, id contracts.OrderID, reason contracts.Reason) error {
	t.Helper()
	d := message.Delivery{MessageID: "m-9", SequenceNumber: "9", SentAt: w.Instant()}
	return w.settler().Handle(t.Context(), d, message.SettleOrder{
		OrderID: id, ConcertID: group.ConcertID, Group: group.Group, Reason: reason, CommandID: "c-1",
	})
}

// lose writes another order's ticket of a seat, as a commit does.
func (w *fixture) lose(seat string) { w.Rows.PutTicket(group, seat, "another") }

func TestSettleInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		t.Run(string(status), func(t *testing.T) {
			w := newFixture(t)
			m := w.placed("A-1-1", "A-1-2")
			world.WantDone(t, w.handle(t, m))
			held := w.Row(t, m.OrderID)
			other := held
			other.Status, other.Version = status, 4
			w.update(t, held, other)
			w.lose("A-1-2")
			outcome := w.settle(t, m.OrderID, contracts.ReasonSeatLost)
			switch {
			case status.Open():
				world.WantDone(t, outcome)
				w.WantRow(t, m.OrderID, contracts.Rejected, 5)
				w.WantReason(t, m.OrderID, contracts.ReasonSeatLost, "A-1-2")
				w.WantTaken(t, group)
			case status.EndedUnpaid():
				world.WantDone(t, outcome)
				w.WantRow(t, m.OrderID, status, 4)
				w.WantTaken(t, group)
			default:
				world.WantOutcome(t, outcome, retry.ClassRefused, "not_open")
				w.WantRow(t, m.OrderID, status, 4)
				w.WantTaken(t, group, 0, 1)
			}
		})
	}
}

func TestSettleEndsTheSameAfterACrash(t *testing.T) {
	for _, fault := range []world.Fault{
		world.Fails(world.Read), world.Fails(world.Tickets), world.Fails(world.RejectLost), world.LosesAnswer(world.RejectLost),
	} {
		w := newFixture(t)
		w.Catalog.Concerts[0].LimitPerBuyer = 2
		m := w.placed("A-1-1", "A-1-2")
		world.WantDone(t, w.handle(t, m))
		w.lose("A-1-1")
		w.Inject(fault)
		world.WantRetryable(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost))
		for range 2 {
			world.WantDone(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost))
		}
		n, err := w.Rows.Allowance(t.Context(), m.ConcertID, m.UserID)
		if n != 0 || err != nil {
			t.Errorf("after %s: %d seats are counted, want none (%v)", fault, n, err)
		}
		w.WantRow(t, m.OrderID, contracts.Rejected, 2)
		w.WantTaken(t, group)
	}
}

// An order ends for a lost seat only if another order's ticket shows it. Otherwise it keeps its hold, even if Redis had lost it.
func TestASeatThatWasNotLostAfterAll(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1", "A-1-2")
	world.WantDone(t, w.handle(t, m))
	w.Holds.Wipe(group)
	world.WantOutcome(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
	w.WantRow(t, m.OrderID, contracts.Held, 1)
	w.WantTaken(t, group, 0, 1)
	w.Rows.PutTicket(group, "A-1-1", m.OrderID)
	world.WantOutcome(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
}

// A hold that has ended in Redis while the row is open cannot be kept, however often the row is read: the message is refused,
// since expire or a repair ends the order, and its group goes on.
func TestAHoldThatCannotBeKeptDoesNotBlockItsGroup(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *fixture, row order.Order){
		"past its lapse": func(_ *testing.T, w *fixture, row order.Order) {
			w.SetTime(row.HoldExpiresAt.Add(seatstate.LapseAfter))
		},
		"long past its lapse, and the group was loaded anew": func(_ *testing.T, w *fixture, row order.Order) {
			w.SetTime(row.HoldExpiresAt.Add(time.Hour))
			w.Holds.Wipe(group)
		},
		"ended under the row's version": func(t *testing.T, w *fixture, row order.Order) {
			if _, err := w.Holds.Release(t.Context(), v1(group), row.OrderID, row.Version); err != nil {
				t.Fatal(err)
			}
		},
		"ended under a later version": func(t *testing.T, w *fixture, row order.Order) {
			if _, err := w.Holds.Release(t.Context(), v1(group), row.OrderID, row.Version+1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			m := w.placed("A-1-1", "A-1-2")
			world.WantDone(t, w.handle(t, m))
			end(t, w, w.Row(t, m.OrderID))
			w.ForgetCalls()
			world.WantOutcome(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "hold_over")
			w.WantRow(t, m.OrderID, contracts.Held, 1)
			if n := w.Count(world.Read); n != 2 {
				t.Errorf("the row was read %d times, want 2", n)
			}
		})
	}
}

// A row that has moved on since it was read is read again: what was stale is kept under its next version.
func TestAStaleKeepReadsTheRowAgain(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	world.WantDone(t, w.handle(t, m))
	held := w.Row(t, m.OrderID)
	// Mirror has applied the next version before this handler reads a row that is not the latest any more.
	awaits, err := held.AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.Instant()})
	if err != nil {
		t.Fatal(err)
	}
	if applied, err := w.Holds.Keep(t.Context(), v1(group), holds.Kept{
		Ask: holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: []int{0}}, Version: 2, HeldAt: held.HeldAt, ExpiresAt: held.HoldExpiresAt,
	}); err != nil || applied != holds.OK {
		t.Fatal(applied, err)
	}
	w.Meanwhile(world.Read, func() { // before the first read; the next one is the second
		w.Meanwhile(world.Read, func() { w.update(t, held, awaits) })
	})
	world.WantOutcome(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
	w.WantTaken(t, group, 0)
}

// An order that a sale displaced ends with all its seats when it is settled; one whose winner was revoked meanwhile is held again
// with all of them. Neither keeps only a part.
func TestADisplacedOrderIsSettledWhole(t *testing.T) {
	for _, revoked := range []bool{false, true} {
		w := newFixture(t)
		m := w.placed("A-1-1", "A-1-2")
		world.WantDone(t, w.handle(t, m))
		w.lose("A-1-2")
		if displaced := w.soldTo(t, "another", 1); !slices.Equal(displaced, []contracts.OrderID{m.OrderID}) {
			t.Fatalf("the sale displaced %v, want %s", displaced, m.OrderID)
		}
		w.WantTaken(t, group, 1)
		if !revoked {
			world.WantDone(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost))
			w.WantRow(t, m.OrderID, contracts.Rejected, 2)
			w.WantTaken(t, group, 1)
			continue
		}
		w.Rows.RemoveTicket(group, "A-1-2")
		// The sale is still in Redis: no part of the hold is made.
		world.WantOutcome(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
		if got := w.heldIn("A", m.OrderID); len(got) != 0 {
			t.Errorf("places %v are held beside the sale", got)
		}
		w.withdraw(t, "another", 3, 1)
		world.WantOutcome(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
		w.wantHeldRow(t, m.OrderID, "A-1-1", "A-1-2")
	}
}

// The winner is revoked between the read of the tickets and the write: the order is not rejected.
func TestTheWinnerIsRevokedMeanwhile(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	world.WantDone(t, w.handle(t, m))
	w.lose("A-1-1")
	w.Meanwhile(world.RejectLost, func() { w.Rows.RemoveTicket(group, "A-1-1") })
	world.WantOutcome(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRefused, "not_lost")
	w.WantRow(t, m.OrderID, contracts.Held, 1)
	w.WantTaken(t, group, 0)
}

func TestAnOperatorEndsAnOrder(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	world.WantDone(t, w.handle(t, m))
	world.WantDone(t, w.settle(t, m.OrderID, contracts.ReasonInternal))
	w.WantRow(t, m.OrderID, contracts.Rejected, 2)
	w.WantReason(t, m.OrderID, contracts.ReasonInternal)
	w.WantTaken(t, group)
}

// An order without a row gets one; its own PlaceOrder finds it and releases its hold.
func TestSettleBeforeTheRow(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	w.Inject(world.Fails(world.Put))
	world.WantRetryable(t, w.handle(t, m))
	world.WantDone(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost))
	if row := w.WantRow(t, m.OrderID, contracts.Rejected, 1); !row.OwnedBy(m.UserID) {
		t.Errorf("the row is of the buyer %q", row.UserID)
	}
	w.WantReason(t, m.OrderID, contracts.ReasonSeatLost)
	world.WantDone(t, w.handle(t, m))
	w.WantTaken(t, group)
	world.WantDone(t, w.settle(t, ordertest.NewID(), contracts.ReasonInternal))
}
