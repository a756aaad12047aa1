package reserve_test

import (
	"testing"
	"time"

	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// A row that mirror could not apply waits in its group as MirrorOrder: reserve loads the group where that is missing, and
// applies the row as it is by then.
func TestARowThatWaitedIsMirrored(t *testing.T) {
	w := newWorld(t)
	m := w.awaiting(t, "A-1-1")
	row := w.row(t, m.OrderID)
	sold, err := row.Commit("pi_1", order.Cause{Kind: message.KindPaymentAuthorized, At: w.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rows.Commit(t.Context(), row, sold); err != nil {
		t.Fatal(err)
	}
	d := reserve.Dispatcher{Mirror: mirror.Mirror{
		Rows: w.rows, Seats: w.seats(), Catalogue: w, Sender: w, Now: func() time.Time { return w.now.Time() },
	}}
	waiting, err := message.Encode(message.MirrorOrder{OrderID: m.OrderID, ConcertID: group.ConcertID, Group: group.Group, RowVersion: row.Version}, "")
	if err != nil {
		t.Fatal(err)
	}
	delivery := message.Delivery{MessageID: "m-1", Body: waiting.Body, Attributes: waiting.Attributes}
	if d.Joins(delivery) {
		t.Error("it is taken together with PlaceOrders, which it is none of")
	}
	w.holds.Wipe(group)
	if locked, err := w.holds.Lock(t.Context(), group, 1000, time.Second); !locked || err != nil {
		t.Fatal(locked, err)
	}
	want(t, retry.Classify(d.Handle(t.Context(), delivery)), retry.ClassRetryable, "")
	w.now = w.now.Add(time.Second + time.Millisecond)
	for range 2 {
		want(t, retry.Classify(d.Handle(t.Context(), delivery)), retry.ClassDone, "")
		if e := w.holds.Inspect(group).Entries[0]; e.State != seatstate.Sold || e.Order != m.OrderID {
			t.Errorf("the seat is %v of %s", e.State, e.Order)
		}
	}
	if status := w.row(t, m.OrderID).Status; status != contracts.Committed {
		t.Errorf("the row is %s", status)
	}
}
