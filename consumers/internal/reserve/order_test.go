package reserve_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// An order for any seats stands behind one for named seats whose call failed. Decided at once, it would take seats of the
// order before it, which nobody has decided yet.
func TestNothingIsDecidedBehindAnOrderThatComesAgain(t *testing.T) {
	w := newWorld(t)
	// The best pair of the group is what the first order asks for.
	first, best := w.placed("A-1-3", "A-1-4"), w.placed()
	best.BestAvailable, best.RequestHash = &message.BestAvailable{Quantity: 2}, contracts.RequestHashBest(group.ConcertID, "", 2, 0)
	run := []reserve.Placing{
		{Delivery: message.Delivery{MessageID: "m-1", SequenceNumber: "1", SentAt: w.now}, Message: first},
		{Delivery: message.Delivery{MessageID: "m-2", SequenceNumber: "2", SentAt: w.now}, Message: best},
	}
	w.fail["hold"] = errors.New("broken connection")
	for i, err := range w.place().HandleRun(t.Context(), run) {
		o := retry.Classify(err)
		if o.Class != retry.ClassRetryable {
			t.Errorf("order %d: outcome %+v", i+1, o)
		}
	}
	if taken := w.taken(); len(taken) > 0 || w.puts > 0 {
		t.Fatalf("places %v are taken and %d rows are written", taken, w.puts)
	}
	for i, err := range w.place().HandleRun(t.Context(), run) {
		o := retry.Classify(err)
		if o.Class != retry.ClassDone {
			t.Errorf("order %d again: outcome %+v", i+1, o)
		}
	}
	if row := w.row(t, first.OrderID); row.Status != contracts.Held || !slices.Equal(row.Seats, first.Seats) {
		t.Errorf("the first order is %s with %v", row.Status, row.Seats)
	}
}

// A poisoned PlaceOrder is acknowledged once it is copied, so the copy waits until its order has a row for certain.
func TestBurialWaitsForTheRow(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-1")
	encoded, err := message.Encode(m, "")
	if err != nil {
		t.Fatal(err)
	}
	burial := reserve.Burial{Orders: w, DeadLetters: w, Now: func() time.Time { return w.now.Time() }}
	d := message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: w.now, Attributes: encoded.Attributes}
	for _, call := range []string{"put", "put reply"} {
		w.fail[call] = errors.New("broken connection")
		if err := burial.Bury(t.Context(), d, "malformed"); err == nil || len(w.buried) > 0 {
			t.Errorf("%s failed: %v, buried %v", call, err, w.buried)
		}
	}
	if err := burial.Bury(t.Context(), d, "malformed"); err != nil || len(w.buried) != 1 || w.row(t, m.OrderID).Status != contracts.Rejected {
		t.Errorf("in the end: %v, buried %v", err, w.buried)
	}
}

// Whoever ends an order that awaits its payment has its PaymentIntent voided; also after a crash right before that.
func TestAnOrderThatCouldBePaidIsVoided(t *testing.T) {
	for name, end := range map[string]func(w *world, o order.Order) retry.Outcome{
		"cancelled": func(w *world, o order.Order) retry.Outcome {
			h := reserve.Cancel{Orders: w, Ending: w.ending(), Now: func() time.Time { return w.now.Time() }}
			return retry.Classify(h.Handle(t.Context(), message.Delivery{MessageID: "m-3"}, message.CancelOrder{OrderID: o.OrderID, ConcertID: o.ConcertID, Group: o.Group, CommandID: "c-1"}))
		},
		"settled": func(w *world, o order.Order) retry.Outcome {
			h := reserve.Settle{Seats: w.seats(), Orders: w, Tickets: w, Catalogue: w, Ending: w.ending(), Now: func() time.Time { return w.now.Time() }}
			return retry.Classify(h.Handle(t.Context(), message.Delivery{MessageID: "m-3"}, message.SettleOrder{
				OrderID: o.OrderID, ConcertID: o.ConcertID, Group: o.Group, Reason: contracts.ReasonInternal, CommandID: "c-1",
			}))
		},
	} {
		for _, fault := range []string{"", "release", "send"} {
			w := newWorld(t)
			held := ordertest.HeldOrder(w.placed("A-1-1"))
			row, err := held.AwaitPayment("pi_1", "pi_1_secret", order.Cause{At: w.now})
			if err != nil {
				t.Fatal(err)
			}
			ordertest.Put(t, w.rows, row)
			if fault != "" {
				w.fail[fault] = errors.New("broken connection")
			}
			for range 2 {
				_ = end(w, row)
			}
			var voided []message.Message
			for _, m := range w.sent {
				decoded, err := message.Decode(m.Body)
				if err != nil {
					t.Fatal(err)
				}
				voided = append(voided, decoded)
			}
			if len(voided) == 0 {
				t.Fatalf("%s, %q failed: nothing was sent", name, fault)
			}
			if v, ok := voided[0].(message.VoidPayment); !ok || v.OrderID != row.OrderID {
				t.Errorf("%s, %q failed: sent %+v", name, fault, voided)
			}
			if got := w.row(t, row.OrderID).Status; got.Open() {
				t.Errorf("%s, %q failed: the row is %s", name, fault, got)
			}
		}
	}
}
