package expire_test

import (
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
)

// The row changes between the read and the write and is open still, as by a note of a refused card. A refused condition is
// never "done": the order has to end all the same.
func TestARowThatChangesAndStaysOpen(t *testing.T) {
	w := newWorld(t)
	w.changes = func() {
		w.changes = func() {}
		if err := w.rows.Update(t.Context(), w.held, w.held.NextAttempt(order.StepOpen)); err != nil {
			t.Fatal(err)
		}
	}
	if o := w.handle(t, w.held.OrderID); o.Class != retry.ClassDone {
		t.Fatalf("outcome %+v", o)
	}
	w.check(t, contracts.Expired, 3, 0)
}
