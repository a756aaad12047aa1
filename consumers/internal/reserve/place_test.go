package reserve_test

import (
	"fmt"
	"testing"
	"time"

	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

func TestAnOrderIsHeld(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-2", "A-1-1")
	world.WantDone(t, w.handle(t, m))

	row := w.WantRow(t, m.OrderID, contracts.Held, 1)
	if *row.Amount != (contracts.Money{Minor: 9000, Currency: "EUR"}) {
		t.Errorf("the price is %v, want 90 EUR", row.Amount)
	}
	if row.HeldAt != w.Instant() || row.HoldExpiresAt != w.Instant().Add(holdFor) || row.Fence != "00000000000000000007" {
		t.Errorf("held from %s to %s, fence %s", row.HeldAt, row.HoldExpiresAt, row.Fence)
	}
	wantSeats(t, row, "A-1-2", "A-1-1")
	w.WantTaken(t, group, 0, 1)
	w.sentHeld(t)
	if open, expire := w.Sent()[0].Group, w.Sent()[1].Group; open != string(m.OrderID) || expire != group.Key() {
		t.Errorf("OpenPayment was sent to group %s and ExpireHold to %s", open, expire)
	}
}

func TestAnOrderForATakenSeatIsRejected(t *testing.T) {
	w := newFixture(t)
	world.WantDone(t, w.handle(t, w.placed("A-1-1")))
	late := w.placed("A-1-1", "A-1-2")
	world.WantOutcome(t, w.handle(t, late), retry.ClassRefused, "seat_taken")
	if row := w.WantRow(t, late.OrderID, contracts.Rejected, 1); row.Amount != nil {
		t.Errorf("a rejected order has the price %v", row.Amount)
	}
	w.WantReason(t, late.OrderID, contracts.ReasonSeatTaken, "A-1-1")
	w.WantTaken(t, group, 0)
	w.sentHeld(t) // of the first order
}

func TestAnOrderPastItsDeadlineIsRejected(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	w.SetTime(m.Deadline + 1)
	world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, "deadline_passed")
	w.WantReason(t, m.OrderID, contracts.ReasonDeadlinePassed)
	w.WantTaken(t, group)
}

func TestAnOrderAtItsDeadlineIsHeld(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	w.SetTime(m.Deadline)
	world.WantDone(t, w.handle(t, m))
}

func TestAnOrderOfAnotherLayoutIsRejected(t *testing.T) {
	w := newFixture(t)
	w.freeze(2)
	m := w.placed("A-1-1")
	world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, "layout_changed")
	w.WantReason(t, m.OrderID, contracts.ReasonLayoutChanged)
}

func TestASeatThatTheLayoutDoesNotHaveIsPoison(t *testing.T) {
	w := newFixture(t)
	world.WantOutcome(t, w.handle(t, w.placed("A-9-9")), retry.ClassPoison, "unknown_seat")
}

// A failure of any call ends the same: the redelivery finds the effects of the steps before it and goes on.
func TestAFailureOfAnyCallEndsTheSame(t *testing.T) {
	for _, faults := range [][]world.Fault{
		nil, {world.Fails(world.Concert)},
		{world.Fails(world.Hold)}, {world.LosesAnswer(world.Hold)}, {world.CrashesAfter(world.Hold)},
		{world.Fails(world.Put)}, {world.LosesAnswer(world.Put)}, {world.LandsLate(world.Put)}, {world.CrashesAfter(world.Put)},
		{world.Fails(world.Send)}, {world.LosesAnswer(world.Send)},
	} {
		t.Run(fmt.Sprint(faults), func(t *testing.T) {
			w := newFixture(t)
			m := w.placed("A-1-1", "A-1-2")
			w.Inject(faults...)
			if err := w.handle(t, m); faults != nil {
				world.WantRetryable(t, err)
			}
			w.Restart()
			w.Land()
			w.Advance(30 * time.Second)
			for range 2 {
				world.WantDone(t, w.handle(t, m))
			}
			row := w.WantRow(t, m.OrderID, contracts.Held, 1)
			w.WantTaken(t, group, 0, 1)
			record := w.Holds.Inspect(group).Records[m.OrderID]
			if record.HoldExpiresAt != row.HoldExpiresAt || record.HeldAt != row.HeldAt {
				t.Errorf("Redis holds until %s, the row until %s", record.HoldExpiresAt, row.HoldExpiresAt)
			}
			ids := map[string]bool{}
			for _, sent := range w.Sent() {
				ids[sent.DeduplicationID] = true
			}
			if len(ids) != 2 { // OpenPayment and ExpireHold, each any number of times
				t.Errorf("sent %d different messages, want 2: %v", len(ids), w.SentKinds())
			}
		})
	}
}

// A hold whose row was not written before it lapsed is gone: the order is refused, not held a second time.
func TestAHoldThatLapsedBeforeItsRowIsNotMadeAgain(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	m.Deadline = w.Instant().Add(time.Hour)
	w.Inject(world.Fails(world.Put))
	world.WantRetryable(t, w.handle(t, m))
	w.Advance(holdFor + seatstate.LapseAfter)
	world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, "deadline_passed")
	w.WantRow(t, m.OrderID, contracts.Rejected, 1)
	w.WantTaken(t, group)
}

// The same key sent with two bodies for two groups: the row of one stands, and what the other group holds is released.
func TestTheSameKeyInAnotherGroupReleasesItsHold(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	elsewhere := m
	elsewhere.Group, elsewhere.Seats = "B", []string{"B-1-1"}
	elsewhere.RequestHash = contracts.RequestHash(elsewhere.ConcertID, elsewhere.Seats)
	ordertest.Put(t, w.Rows, ordertest.HeldOrder(elsewhere))
	world.WantDone(t, w.handle(t, m))
	w.WantTaken(t, group)
	w.WantSent(t)
}

// Another body under the same key in the same group leaves the first as it is.
func TestTheSameKeyInTheSameGroupLeavesTheFirst(t *testing.T) {
	w := newFixture(t)
	first := w.placed("A-1-1")
	world.WantDone(t, w.handle(t, first))
	second := first
	second.Seats = []string{"A-1-2"}
	second.RequestHash = contracts.RequestHash(second.ConcertID, second.Seats)
	world.WantOutcome(t, w.handle(t, second), retry.ClassRefused, "other_body")
	w.WantTaken(t, group, 0)
	wantSeats(t, w.Row(t, first.OrderID), "A-1-1")
}

// Every status that the row may have when the message is redelivered.
func TestARedeliveryInEveryStatus(t *testing.T) {
	for status, keeps := range map[contracts.Status]bool{
		contracts.Held: true, contracts.AwaitingPayment: true, contracts.Committed: true, contracts.Confirmed: true,
		contracts.Rejected: false, contracts.Expired: false, contracts.Cancelled: false, contracts.Revoked: false, contracts.Refunded: false,
	} {
		t.Run(string(status), func(t *testing.T) {
			w := newFixture(t)
			m := w.placed("A-1-1")
			row := ordertest.HeldOrder(m)
			row.Status, row.Version = status, 4
			ordertest.Put(t, w.Rows, row)
			world.WantDone(t, w.handle(t, m))
			if got := len(w.Taken(group)) == 1; got != keeps {
				t.Errorf("the hold is kept: %v, want %v", got, keeps)
			}
			switch status {
			case contracts.Held:
				w.sentHeld(t)
			case contracts.AwaitingPayment: // its payment is open already
				w.WantSent(t, message.KindExpireHold)
			default:
				w.WantSent(t)
			}
			w.WantRow(t, m.OrderID, status, 4)
		})
	}
}

func TestBurialRejectsTheOrderAndCopiesTheMessage(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	encoded, err := message.Encode(m, "trace")
	if err != nil {
		t.Fatal(err)
	}
	burial := w.burial()
	d := message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: w.Instant() - 500, Attributes: encoded.Attributes, Body: "not JSON"}

	w.Inject(world.Fails(world.Copy))
	if err := burial.Bury(t.Context(), d, "malformed"); err == nil {
		t.Error("a copy that failed is not reported")
	}
	if err := burial.Bury(t.Context(), d, "malformed"); err != nil {
		t.Fatal(err)
	}
	row := w.WantRow(t, m.OrderID, contracts.Rejected, 1)
	w.WantReason(t, m.OrderID, contracts.ReasonInternal)
	if row.UserID != m.UserID || row.AcceptedAt != w.Instant()-500 {
		t.Errorf("the row is of %s, accepted at %d; want %s at %d", row.UserID, row.AcceptedAt, m.UserID, w.Instant()-500)
	}
	w.WantBuried(t, "m-1 malformed")
}

func TestBurialLeavesARowAndOtherKindsAlone(t *testing.T) {
	w := newFixture(t)
	held := ordertest.HeldOrder(w.placed("A-1-1"))
	ordertest.Put(t, w.Rows, held)
	burial := w.burial()
	for _, a := range []message.Attributes{
		{Kind: message.KindPlaceOrder, OrderID: held.OrderID},
		{Kind: message.KindPlaceOrder, OrderID: "not an order id"},
		{Kind: message.KindRebuildGroup},
		{},
	} {
		if err := burial.Bury(t.Context(), message.Delivery{MessageID: "m", Attributes: a}, "r"); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
	w.WantRow(t, held.OrderID, contracts.Held, 1)
	w.WantBuried(t, "m r", "m r", "m r", "m r")
}

func TestDispatcherChoosesTheHandlerByKind(t *testing.T) {
	w := newFixture(t)
	now := w.Now
	d := reserve.Dispatcher{
		Place:   w.place(),
		Cancel:  reserve.Cancel{Orders: w.orders(), Ending: w.ending(), Now: now},
		Settle:  reserve.Settle{Seats: w.Seats(), Orders: w.orders(), Tickets: w.Orders(), Catalogue: w.Catalogue(), Ending: w.ending(), Now: now},
		Expire:  expire.Expire{Orders: w.orders(), Ending: w.ending(), Now: now},
		Rebuild: seats.Rebuild{Concerts: w.Catalogue(), Groups: w.Seats()},
	}
	encode := func(m message.Message) string {
		e, err := message.Encode(m, "")
		if err != nil {
			t.Fatal(err)
		}
		return e.Body
	}
	m := w.placed("A-1-1")
	for _, test := range []struct {
		body   string
		class  retry.Class
		reason string
	}{
		{encode(message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"}), retry.ClassDone, ""},
		{encode(m), retry.ClassDone, ""},
		{encode(message.ExpireHold{
			OrderID: m.OrderID, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1, Run: 1,
		}), retry.ClassRetryable, ""},
		{encode(message.CancelOrder{
			OrderID: m.OrderID, ConcertID: group.ConcertID, Group: group.Group, CommandID: "v1",
		}), retry.ClassDone, ""},
		{encode(message.SettleOrder{
			OrderID: m.OrderID, ConcertID: group.ConcertID, Group: group.Group, Reason: contracts.ReasonInternal, CommandID: "c",
		}), retry.ClassDone, ""},
		{"{}", retry.ClassPoison, retry.ReasonUnknownKind},
		{"no JSON", retry.ClassPoison, retry.ReasonMalformed},
		{`{"kind":"PlaceOrder","v":99}`, retry.ClassPoison, retry.ReasonUnknownVersion},
	} {
		world.WantOutcome(t, d.Handle(t.Context(), message.Delivery{MessageID: "m", SequenceNumber: "1", Body: test.body}), test.class, test.reason)
	}
	if !w.Holds.Inspect(group).Loaded {
		t.Error("the group was not loaded")
	}
}
