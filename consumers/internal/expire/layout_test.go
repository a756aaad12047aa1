package expire_test

import (
	"context"
	"testing"
	"time"

	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// groups are the groups in memory, with the releases of a world.
type groups struct {
	*memhold.Store
	w *world
}

func (g groups) Release(ctx context.Context, in seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error) {
	return g.w.Release(ctx, in, id, version)
}

// poisonLoader loads no group of the layout version that is meant, since another one is sold.
type poisonLoader struct{}

func (poisonLoader) Ensure(_ context.Context, g seatstate.GroupVersion) error {
	return &retry.PoisonError{Reason: "layout_version"}
}

// A row of another layout version is a fault, and Redis is not touched for it. It ends all the same, and the buyer's
// authorisation is voided before the message is poison.
func TestARowOfAnotherLayoutVersionEndsAndIsPoison(t *testing.T) {
	w := newWorld(t)
	placed := ordertest.Placed(group, "A-1-2")
	placed.LayoutVersion = 2
	awaiting, err := ordertest.HeldOrder(placed).AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.now})
	if err != nil {
		t.Fatal(err)
	}
	ordertest.Put(t, w.rows, awaiting)
	h := expire.Expire{Orders: w, Ending: seats.Ending{Seats: seats.NewStore(groups{w.holds, w}, poisonLoader{}), Sender: w}, Now: func() time.Time { return w.now.Time() }}
	outcome := retry.Classify(h.HandleMessage(t.Context(), message.Delivery{MessageID: "m-9"}, message.ExpireHold{OrderID: placed.OrderID, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}))
	if outcome.Class != retry.ClassPoison || outcome.Reason != "layout_version" {
		t.Errorf("outcome %s %q, want poison layout_version", outcome.Class, outcome.Reason)
	}
	row, _, err := w.rows.Read(t.Context(), placed.OrderID)
	if err != nil || row.Status != contracts.Expired || len(w.sent) != 1 || w.sent[0].Attributes.Kind != message.KindVoidPayment {
		t.Errorf("row %s (%v), sent %+v; want EXPIRED and a VoidPayment", row.Status, err, w.sent)
	}
	if _, known := w.holds.Inspect(group).Records[placed.OrderID]; known {
		t.Error("the group of another layout version knows the order")
	}
}
