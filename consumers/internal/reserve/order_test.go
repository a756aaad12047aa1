package reserve_test

import (
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// An order for any adjacent seats is behind one for named seats whose call failed. Decided at once, it would take seats of the
// order before it, which is not decided yet.
func TestNothingIsDecidedBehindAnOrderThatIsRedelivered(t *testing.T) {
	w := newFixture(t)
	// The best pair of the group is what the first order asks for.
	first, best := w.placed("A-1-3", "A-1-4"), w.placed()
	best.BestAvailable, best.RequestHash = &message.BestAvailable{Quantity: 2}, contracts.RequestHashBest(group.ConcertID, "", 2, 0)
	run := []reserve.Placing{
		{Delivery: message.Delivery{MessageID: "m-1", SequenceNumber: "1", SentAt: w.Instant()}, Message: first},
		{Delivery: message.Delivery{MessageID: "m-2", SequenceNumber: "2", SentAt: w.Instant()}, Message: best},
	}
	w.Inject(world.Fails(world.Hold))
	for _, err := range w.place().HandleRun(t.Context(), run) {
		world.WantRetryable(t, err)
	}
	if taken, puts := w.Taken(group), w.Count(world.Put); len(taken) > 0 || puts > 0 {
		t.Fatalf("places %v are taken and %d rows are put", taken, puts)
	}
	for _, err := range w.place().HandleRun(t.Context(), run) {
		world.WantDone(t, err)
	}
	wantSeats(t, w.WantRow(t, first.OrderID, contracts.Held, 1), first.Seats...)
}

// A poisoned PlaceOrder is acknowledged once it is copied, so the copy waits until its order has a row for certain.
func TestBurialWaitsForTheRow(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-1")
	encoded, err := message.Encode(m, "")
	if err != nil {
		t.Fatal(err)
	}
	burial := w.burial()
	d := message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: w.Instant(), Attributes: encoded.Attributes}
	for _, fault := range []world.Fault{world.Fails(world.Put), world.LosesAnswer(world.Put)} {
		w.Inject(fault)
		if err := burial.Bury(t.Context(), d, "malformed"); err == nil {
			t.Errorf("%s: the burial is done", fault)
		}
		w.WantBuried(t)
	}
	if err := burial.Bury(t.Context(), d, "malformed"); err != nil {
		t.Errorf("without a fault: %v", err)
	}
	w.WantBuried(t, "m-1 malformed")
	w.WantRow(t, m.OrderID, contracts.Rejected, 1)
}

// A handler that ends an order that awaits its payment has its PaymentIntent voided, even if a call right before that fails.
func TestAnOrderThatCouldBePaidIsVoided(t *testing.T) {
	for name, end := range map[string]func(w *fixture, id contracts.OrderID) error{
		"cancelled": func(w *fixture, id contracts.OrderID) error { return w.cancel(t, id) },
		"settled":   func(w *fixture, id contracts.OrderID) error { return w.settle(t, id, contracts.ReasonInternal) },
	} {
		for _, faults := range [][]world.Fault{
			nil, {world.Fails(world.Release)}, {world.Fails(world.Send)}, {world.CrashesAfter(world.Update)}, {world.CrashesAfter(world.Release)},
		} {
			w := newFixture(t)
			held := ordertest.HeldOrder(w.placed("A-1-1"))
			row, err := held.AwaitPayment("pi_1", "pi_1_secret", order.Cause{At: w.Instant()})
			if err != nil {
				t.Fatal(err)
			}
			ordertest.Put(t, w.Rows, row)
			w.Inject(faults...)
			for range 2 {
				_ = end(w, row.OrderID) // the outcome is other tests' concern
				w.Restart()
			}
			if v := world.SentMessage[message.VoidPayment](t, w.World, 0); v.OrderID != row.OrderID {
				t.Errorf("%s, %v: VoidPayment of %s, want %s", name, faults, v.OrderID, row.OrderID)
			}
			if got := w.Row(t, row.OrderID).Status; got.Open() {
				t.Errorf("%s, %v: the row is %s", name, faults, got)
			}
		}
	}
}
