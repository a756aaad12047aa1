package reserve_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// groupOf is the seat group of a name.
func groupOf(name string) contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: group.ConcertID, Group: name}
}

var groupNames = []string{"A", "B", "C"}

// v1 is a group in the one layout version of these tests.
func v1(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 1) }

const holdFor = world.HoldFor

// fixture is a World with the handlers of reserve over it.
type fixture struct {
	*world.World
	// putting are the rows of the PutAll that is being made.
	putting map[contracts.OrderID]order.Order
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return &fixture{World: world.New(2_000_000), putting: map[contracts.OrderID]order.Order{}}
}

// orders is the port of orders, which also notes the rows that are being put.
type orders struct {
	world.Orders
	w *fixture
}

func (w *fixture) orders() orders { return orders{w.Orders(), w} }

func (p orders) PutAll(ctx context.Context, rows []order.Order) []order.PutResult {
	for _, row := range rows {
		p.w.putting[row.OrderID] = row
	}
	return p.Orders.PutAll(ctx, rows)
}

// layout has three groups of a row of six seats each.
func layout() []readmodel.LayoutGroup { return world.OneConcert().Layout("", 1) }

// concert is the concert in the catalogue.
func (w *fixture) concert() *readmodel.Concert { return &w.Catalog.Concerts[0] }

// freeze makes a layout version the one that is sold.
func (w *fixture) freeze(version int) {
	w.concert().LayoutVersion, w.concert().LayoutFrozen = version, version
}

// scripts is how many scripts decided an order, since ForgetCalls.
func (w *fixture) scripts() int { return w.Count(world.Hold) + w.Count(world.Forward) }

func (w *fixture) place() reserve.Place {
	return reserve.Place{
		Seats: w.Seats(), Orders: w.orders(), Catalogue: w.Catalogue(), Sender: w.Sender(), Pace: w.Pace(), Now: w.Now,
	}
}

func (w *fixture) ending() seats.Ending { return seats.Ending{Seats: w.Seats(), Sender: w.Sender()} }

func (w *fixture) burial() reserve.Burial {
	return reserve.Burial{Orders: w.orders(), DeadLetters: w.DeadLetters(), Now: w.Now}
}

// handle handles one PlaceOrder.
func (w *fixture) handle(t *testing.T, m message.PlaceOrder) error {
	t.Helper()
	return w.place().HandleRun(t.Context(), []reserve.Placing{{
		Delivery: message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: w.Instant()}, Message: m,
	}})[0]
}

// injectOnce injects a fault, in place of those of the same call that were not met yet, so that faults do not pile up.
func (w *fixture) injectOnce(f world.Fault) {
	w.Heal(f.Call())
	w.Inject(f)
}

// placed is a PlaceOrder for these seats, accepted now and with two minutes left.
func (w *fixture) placed(seats ...string) message.PlaceOrder {
	m := ordertest.Placed(group, seats...)
	m.AcceptedAt, m.Deadline = w.Instant(), w.Instant().Add(2*time.Minute)
	return m
}

// sentHeld wants what follows a held order to have been sent, and nothing else.
func (w *fixture) sentHeld(t *testing.T) {
	t.Helper()
	w.WantSent(t, message.KindOpenPayment, message.KindExpireHold)
}

// update writes the next version of a row, as another handler does.
func (w *fixture) update(t *testing.T, before, after order.Order) {
	t.Helper()
	if err := w.Rows.Update(t.Context(), before, after); err != nil {
		t.Fatal(err)
	}
}

// wantSeats wants a row to have these seats, in this order.
func wantSeats(t *testing.T, row order.Order, seats ...string) {
	t.Helper()
	if !slices.Equal(row.Seats, seats) {
		t.Errorf("the row has the seats %v, want %v", row.Seats, seats)
	}
}
