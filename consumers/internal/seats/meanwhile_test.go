package seats_test

import (
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts/message"
)

// An order is paid right after the first read of a load, whichever that is, and charged as well, so that the index does not have it
// any more. If tickets were read before rows, neither would have its seat: it would be offered again.
func TestAnOrderThatCommitsMeanwhileIsSold(t *testing.T) {
	w := newFixture()
	open := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-1", "A-1-3")))
	paid := order.Cause{Kind: message.KindPaymentAuthorized, At: w.Instant()}
	reads := 0
	pay := func() {
		sold, err := open.Commit("pi_1", paid)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Rows.Commit(t.Context(), open, sold); err != nil {
			t.Fatal(err)
		}
		done, err := sold.Confirm(paid)
		if err != nil {
			t.Fatal(err)
		}
		w.update(t, sold, done)
	}
	w.BeforeEach(func(c world.Call, _ ...string) {
		if c == world.Tickets || c == world.OpenIDs || c == world.ReadMany {
			if reads++; reads == 2 {
				pay()
			}
		}
	})
	w.ensure(t)
	if reads < 2 {
		t.Fatalf("%d reads, so that the order was not paid meanwhile", reads)
	}
	w.WantPlaces(t, group, world.SoldTo(open.OrderID), world.Free, world.SoldTo(open.OrderID))
}
