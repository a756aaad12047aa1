package commit_test

import (
	"slices"
	"testing"

	"boxoffice/consumers/internal/commit"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// fixture is a World with one order that awaits the payment of seats A-1-1 and A-1-2.
type fixture struct {
	*world.World
	row order.Order
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	w := world.New(1_000_500)
	cause := order.Cause{Kind: message.KindOpenPayment, At: w.Instant()}
	row, err := ordertest.HeldOrder(ordertest.Placed(group, "A-1-1", "A-1-2")).AwaitPayment("pi_1", "secret", cause)
	if err != nil {
		t.Fatal(err)
	}
	ordertest.Put(t, w.Rows, row)
	return fixture{w, row}
}

// dispatcher has no port of Redis: whatever is written here is written while Redis is down.
func (w fixture) dispatcher() commit.Dispatcher {
	return commit.Dispatcher{
		Authorized: commit.Authorized{
			Orders: w.Orders(), Sender: w.Sender(), Mode: message.ModeTest, Log: w.Log(), Meter: w.Meter("commit"), Now: w.Now,
		},
		Declined: commit.Declined{Orders: w.Orders()},
	}
}

// handle handles a message that was sent at an instant, 0 if that is not known.
func (w fixture) handle(t *testing.T, m message.Message, sentAt contracts.Instant) error {
	t.Helper()
	e, err := message.Encode(m, "")
	if err != nil {
		t.Fatal(err)
	}
	return w.dispatcher().Handle(t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body, SentAt: sentAt})
}

// becomes writes the next version of a row, as another handler does.
func (w fixture) becomes(t *testing.T, before, after order.Order) {
	t.Helper()
	if err := w.Rows.Update(t.Context(), before, after); err != nil {
		t.Fatal(err)
	}
}

// authorized says that the price of the order was put aside.
func (w fixture) authorized() message.PaymentAuthorized {
	return message.PaymentAuthorized{
		OrderID: w.row.OrderID, ConcertID: w.row.ConcertID, Group: w.row.Group, EventID: "evt_1", PaymentIntentID: "pi_1",
		Amount: *w.row.Amount, Mode: message.ModeTest,
	}
}

// wantSentOnly wants messages of one kind to have been sent, any number of them but none.
func (w fixture) wantSentOnly(t *testing.T, kind message.Kind) {
	t.Helper()
	if kinds := w.SentKinds(); !slices.Equal(slices.Compact(kinds), []message.Kind{kind}) {
		t.Errorf("sent %v, want nothing but %s", kinds, kind)
	}
}
