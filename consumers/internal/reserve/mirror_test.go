package reserve_test

import (
	"testing"
	"time"

	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// A row that mirror could not apply waits in its group's queue as MirrorOrder: reserve loads the group if it is missing, and applies
// the row as it is by then.
func TestARowThatWaitedIsMirrored(t *testing.T) {
	w := newFixture(t)
	m := w.awaiting(t, "A-1-1")
	row := w.Row(t, m.OrderID)
	sold, err := row.Commit("pi_1", order.Cause{Kind: message.KindPaymentAuthorized, At: w.Instant()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Rows.Commit(t.Context(), row, sold); err != nil {
		t.Fatal(err)
	}
	d := reserve.Dispatcher{Mirror: mirror.Mirror{
		Rows: w.Rows, Seats: w.Seats(), Catalogue: w.Catalogue(), Sender: w.Sender(), Now: w.Now,
	}}
	order := message.MirrorOrder{OrderID: m.OrderID, ConcertID: group.ConcertID, Group: group.Group, RowVersion: row.Version}
	waiting, err := message.Encode(order, "")
	if err != nil {
		t.Fatal(err)
	}
	delivery := message.Delivery{MessageID: "m-1", Body: waiting.Body, Attributes: waiting.Attributes}
	if d.Joins(delivery) {
		t.Error("it joins a run of PlaceOrders")
	}
	w.Holds.Wipe(group)
	if locked, err := w.Holds.Lock(t.Context(), group, 1000, time.Second); !locked || err != nil {
		t.Fatal(locked, err)
	}
	world.WantRetryable(t, d.Handle(t.Context(), delivery))
	w.Advance(time.Second + time.Millisecond)
	for range 2 {
		world.WantDone(t, d.Handle(t.Context(), delivery))
		w.WantPlaces(t, group, world.SoldTo(m.OrderID))
	}
	w.WantRow(t, m.OrderID, contracts.Committed, 3)
}
