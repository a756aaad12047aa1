package pay_test

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

const environment = "test"

// fixture is a World with one held order of two seats, which its helpers are about, and Pay over it.
type fixture struct {
	*world.World
	t  testing.TB
	id contracts.OrderID
}

func newFixture(t testing.TB) *fixture {
	w := &fixture{World: world.New(1_000_700), t: t}
	w.id = w.held()
	return w
}

// held puts a new order that holds two seats.
func (w *fixture) held() contracts.OrderID {
	return w.put(ordertest.HeldOrder(ordertest.Placed(group, "A-1-1", "A-1-2")))
}

// put puts the first version of an order.
func (w *fixture) put(o order.Order) contracts.OrderID {
	w.t.Helper()
	for _, r := range w.Rows.PutAll(w.t.Context(), []order.Order{o}) {
		if r.Err != nil || r.Outcome != order.PutDone {
			w.t.Fatalf("put: %v, %v", r.Outcome, r.Err)
		}
	}
	return o.OrderID
}

// providerFails makes the next call of that name to the provider fail in this way, without an effect.
func providerFails(c world.Call, f pay.Failure) world.Fault {
	return world.Fails(c).With(&pay.ProviderError{Failure: f, Code: "injected", Err: errors.New("injected")})
}

// unreadable makes every read of the order's row fail as one that cannot be decoded.
func (w *fixture) unreadable() {
	for _, c := range []world.Call{world.Read, world.ReadMany} {
		w.Inject(world.Fails(c).About(string(w.id)).With(order.ErrUnreadable).Always())
	}
}

// provider is the port of the provider. It holds every test to the rules by which Pay moves money.
type provider struct {
	world.Provider
	w *fixture
}

// Capture is called only for an order that is committed.
func (p provider) Capture(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	if row := p.w.row(); row.Status != contracts.Committed {
		p.w.t.Errorf("captured for an order that is %s", row.Status)
	}
	return p.Provider.Capture(ctx, key, id)
}

// Cancel is called neither for an order that may still be paid, nor for the PaymentIntent that has paid one. A capture may find
// that the authorisation of a committed order is gone, and then cancels the order's own PaymentIntent.
func (p provider) Cancel(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	row := p.w.row()
	paid := row.Status == contracts.Confirmed || row.Status == contracts.Refunded
	if row.Status.Open() || paid && row.Payment.IntentID == id {
		p.w.t.Errorf("cancelled %s of an order that is %s", id, row.Status)
	}
	return p.Provider.Cancel(ctx, key, id)
}

// injectDrawn makes one of the next calls fail, before its effect or after it, or none.
func (w *fixture) injectDrawn(r *rapid.T, calls int) {
	n, lost := rapid.IntRange(0, calls).Draw(r, "failing call"), rapid.Bool().Draw(r, "after its effect")
	switch {
	case n > 0 && lost:
		w.Inject(world.LosesAnswer(world.Any).Nth(n))
	case n > 0:
		w.Inject(world.Fails(world.Any).Nth(n))
	}
}
