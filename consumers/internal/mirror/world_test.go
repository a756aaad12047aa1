package mirror_test

import (
	"fmt"
	"slices"
	"testing"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// v1 is a group in the one layout version of these tests.
func v1(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 1) }

// fixture is a World whose group A, with the seats, is loaded. A group named "dead" has the same seats.
type fixture struct{ *world.World }

func newFixture(t testing.TB) fixture {
	t.Helper()
	w := fixture{world.New(1_000_600)}
	w.Catalog.Layout = func(string, int) []readmodel.LayoutGroup {
		return []readmodel.LayoutGroup{world.Row("A", "A", 6), world.Row("dead", "A", 6)}
	}
	w.load(t)
	return w
}

// load loads group A unless it is loaded.
func (w fixture) load(t testing.TB) {
	t.Helper()
	if err := w.Loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
}

// handler is the Mirror that reserve has: its Seats load a group that is missing.
func (w fixture) handler() mirror.Mirror {
	return mirror.Mirror{
		Rows: w.Orders(), Seats: w.Seats(), Catalogue: w.Catalogue(), Sender: w.Sender(),
		Log: w.Log(), Meter: w.Meter("mirror"), Now: w.Now,
	}
}

// stream is the Mirror of the stream, whose Seats load no group.
func (w fixture) stream() mirror.Stream {
	m := w.handler()
	m.Seats = w.Groups()
	return mirror.NewStream(m)
}

// handle gives the stream a batch of hints.
func (w fixture) handle(t testing.TB, ids ...contracts.OrderID) (done int, err error) {
	t.Helper()
	return w.stream().Handle(t.Context(), hintsOf(ids))
}

func hintsOf(ids []contracts.OrderID) (hints []streambatch.Hint) {
	for i, id := range ids {
		hints = append(hints, streambatch.Hint{SequenceNumber: fmt.Sprint(i), OrderID: id})
	}
	return hints
}

// mirror gives the stream a batch of hints, and wants all of it done.
func (w fixture) mirror(t testing.TB, ids ...contracts.OrderID) {
	t.Helper()
	if done, err := w.handle(t, ids...); done != len(ids) || err != nil {
		t.Fatalf("%d of %d done, %v", done, len(ids), err)
	}
}

// handleMessage handles a MirrorOrder that was sent, as reserve does.
func (w fixture) handleMessage(t testing.TB, sent message.Encoded) error {
	t.Helper()
	decoded, err := message.Decode(sent.Body)
	m, ok := decoded.(message.MirrorOrder)
	if err != nil || !ok {
		t.Fatalf("%s is no MirrorOrder: %v", sent.Body, err)
	}
	return w.handler().HandleMessage(t.Context(), m)
}

// waiting are the MirrorOrders that were sent.
func (w fixture) waiting() []message.Encoded {
	return slices.DeleteFunc(w.Sent(), func(m message.Encoded) bool { return m.Attributes.Kind != message.KindMirrorOrder })
}

// put writes an order in a status at version 2, with tickets if it is paid.
func (w fixture) put(t testing.TB, status contracts.Status, seats ...string) order.Order {
	t.Helper()
	o := ordertest.HeldOrder(ordertest.Placed(group, seats...))
	o.Status, o.Version = status, 2
	if r := w.Rows.PutAll(t.Context(), []order.Order{o})[0]; r.Outcome != order.PutDone {
		t.Fatalf("put: %v, %v", r.Outcome, r.Err)
	}
	if status.Paid() {
		for _, seat := range seats {
			w.Rows.PutTicket(group, seat, o.OrderID)
		}
	}
	return o
}

// become writes the next version of an order's row, with its tickets, as one transaction does.
func (w fixture) become(t testing.TB, id contracts.OrderID, to contracts.Status) {
	t.Helper()
	row := w.Row(t, id)
	after := row
	after.Status, after.Version = to, row.Version+1
	after.History = append(slices.Clone(row.History), readmodel.HistoryEntry{Status: to, Version: after.Version, At: w.Instant()})
	if err := w.Rows.Update(t.Context(), row, after); err != nil {
		t.Fatalf("%s becomes %s: %v", id, to, err)
	}
	for _, seat := range row.Seats {
		switch {
		case to.Paid():
			w.Rows.PutTicket(group, seat, id)
		case row.Status.Paid():
			w.Rows.RemoveTicket(group, seat)
		}
	}
}

// sell sells places in Redis.
func (w fixture) sell(t testing.TB, id contracts.OrderID, version int, places ...int) {
	t.Helper()
	if _, err := w.Holds.Sell(t.Context(), v1(group), id, places, version); err != nil {
		t.Fatal(err)
	}
}

// recorded wants the version that Redis has of an order.
func (w fixture) recorded(t testing.TB, id contracts.OrderID, version int) {
	t.Helper()
	if got := w.Holds.Inspect(group).Records[id].Version; got != version {
		t.Errorf("Redis has version %d of %s, want %d", got, id, version)
	}
}

// free, held and sold are what Redis shows of a place.
var free = world.Free

func held(o order.Order) world.Place { return world.HeldBy(o.OrderID) }
func sold(o order.Order) world.Place { return world.SoldTo(o.OrderID) }

// shownFor is what Redis shows of an order that has the seats.
func shownFor(o order.Order) []world.Place {
	switch {
	case o.Status.Open():
		return []world.Place{held(o), free, held(o)}
	case o.Status.Paid():
		return []world.Place{sold(o), free, sold(o)}
	default:
		return nil
	}
}
