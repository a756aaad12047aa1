package reserve_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// bodies are the requests of orders by their hash, which a row and a record carry.
type bodies map[string]message.PlaceOrder

func (b bodies) add(m message.PlaceOrder) message.PlaceOrder {
	b[m.RequestHash] = m
	return m
}

// whole reports whether places of a group are all that a body asked for: its seats, or that many adjacent ones.
func (b bodies) whole(hash, name string, places []int) bool {
	m := b[hash]
	places = slices.Sorted(slices.Values(places))
	if m.BestAvailable != nil {
		return len(places) == m.BestAvailable.Quantity && places[len(places)-1]-places[0] == len(places)-1
	}
	for _, g := range layout() {
		if g.Group == name {
			asked, _, known := g.Places(m.Seats)
			return known && slices.Equal(slices.Sorted(slices.Values(asked)), places)
		}
	}
	return false
}

// watch checks before every put and every release what must always hold: a row has all the seats that were asked for at the
// price of all of them; no order is refused for want of seats that it holds itself; the hold of an open order is never released.
func (w *fixture) watch(t rapid.TB, b bodies) {
	put := func(row order.Order) {
		if row.Status == contracts.Held || row.Amount != nil {
			if !b.whole(row.RequestHash, row.Group, w.placesOf(row)) || row.Amount.Minor != int64(4500*len(row.Seats)) {
				t.Fatalf("order %s becomes %s with %v for %d", row.OrderID, row.Status, row.Seats, row.Amount.Minor)
			}
			return
		}
		record := w.Holds.Inspect(row.SeatGroup()).Records[row.OrderID]
		own := record.State == seatstate.RecordHeld && record.Lapses > w.Instant() && record.Hash == row.RequestHash
		wantOfSeats := row.Reason.Code == contracts.ReasonSeatTaken || row.Reason.Code == contracts.ReasonNoAdjacent
		if own && wantOfSeats && b.whole(record.Hash, row.Group, record.Places) {
			t.Fatalf("order %s is refused with %s and holds %v", row.OrderID, row.Reason.Code, record.Places)
		}
	}
	released := func(group string, id contracts.OrderID) {
		if row, found, _ := w.Rows.Read(context.Background(), id); found && row.Status.Open() && row.SeatGroup().Key() == group {
			t.Fatalf("order %s is %s and is released", id, row.Status)
		}
	}
	w.BeforeEach(func(c world.Call, about ...string) {
		switch c {
		case world.Put:
			put(w.putting[contracts.OrderID(about[0])])
		case world.Release:
			released(about[0], contracts.OrderID(about[1]))
		}
	})
}

func (w *fixture) placesOf(row order.Order) []int {
	for _, g := range layout() {
		if g.Group == row.Group {
			places, _, _ := g.Places(row.Seats)
			return places
		}
	}
	return nil
}

// losses is a pipeline whose Redis loses groups, whose puts land late, and whose orders are paid for and ended meanwhile.
type losses struct {
	*fixture
	*testing.T
	bodies bodies
	ids    []contracts.OrderID
	queue  []message.PlaceOrder
}

// order adds a new order; sometimes under a key that was used before, in any group.
func (l *losses) order(rt *rapid.T) {
	name := rapid.SampledFrom(groupNames).Draw(rt, "group")
	var m message.PlaceOrder
	if rapid.Bool().Draw(rt, "any seats") {
		m = l.best(name, rapid.IntRange(1, 4).Draw(rt, "quantity"))
	} else {
		at := rapid.IntRange(0, 5).Draw(rt, "seat")
		n := rapid.IntRange(1, 3).Draw(rt, "seats")
		for _, g := range layout() {
			if g.Group == name {
				m = l.placed(g.Seats[at:min(6, at+n)]...)
			}
		}
		m.Group = name
	}
	if len(l.queue) > 0 && rapid.IntRange(0, 3).Draw(rt, "other body") == 0 {
		m.OrderID = rapid.SampledFrom(l.queue).Draw(rt, "of").OrderID
	}
	l.queue, l.ids = append(l.queue, l.bodies.add(m)), append(l.ids, m.OrderID)
}

func (l *losses) fails(rt *rapid.T) {
	if rapid.IntRange(0, 2).Draw(rt, "fails") == 0 {
		l.injectOnce(rapid.SampledFrom([]world.Fault{
			world.Fails(world.Hold), world.LosesAnswer(world.Hold), world.Fails(world.Maps), world.Fails(world.Forward),
			world.LosesAnswer(world.Forward), world.Fails(world.Put), world.LosesAnswer(world.Put), world.LandsLate(world.Put),
			world.LandsLate(world.Put), world.Fails(world.Send), world.Fails(world.Release), world.Fails(world.Keep),
		}).Draw(rt, "fault"))
	}
}

// deliver delivers any one message, and keeps it in the queue unless it is acknowledged, and sometimes even then.
func (l *losses) deliver(rt *rapid.T) {
	if len(l.queue) == 0 {
		return
	}
	at := rapid.IntRange(0, len(l.queue)-1).Draw(rt, "at")
	outcome := retry.Classify(l.handle(l.T, l.queue[at]))
	if outcome.Class == retry.ClassPoison {
		rt.Fatalf("poison %s: %v", outcome.Reason, outcome.Err)
	}
	if outcome.Class != retry.ClassRetryable && rapid.IntRange(0, 3).Draw(rt, "again") > 0 {
		l.queue = slices.Delete(l.queue, at, at+1)
	}
	l.queue = append(l.queue, l.allSentOn(l.T)...)
	l.ForgetSent()
}

func (l *losses) lose(rt *rapid.T) {
	g := groupOf(rapid.SampledFrom(groupNames).Draw(rt, "group"))
	if rapid.Bool().Draw(rt, "wipe") {
		l.Holds.Wipe(g)
		return
	}
	l.forget(l.T, g)
}

// aRow draws an order that has a row.
func (l *losses) aRow(rt *rapid.T) (row order.Order, found bool) {
	if len(l.ids) == 0 {
		return order.Order{}, false
	}
	row, found, _ = l.Rows.Read(l.Context(), rapid.SampledFrom(l.ids).Draw(rt, "order"))
	return row, found
}

// pay commits an open order, or ends it if a seat has another order's ticket.
func (l *losses) pay(rt *rapid.T) {
	row, found := l.aRow(rt)
	if !found || !row.Status.Open() {
		return
	}
	paid, err := row.Commit("pi", order.Cause{Kind: message.KindPaymentAuthorized, At: l.Instant()})
	if err != nil {
		rt.Fatal(err)
	}
	var taken *order.SeatsTakenError
	if errors.As(l.Rows.Commit(l.Context(), row, paid), &taken) {
		l.settleLost(rt, row.OrderID, row.Group)
	}
}

func (l *losses) settleLost(rt *rapid.T, id contracts.OrderID, name string) {
	if name != "A" {
		return // settle names group A
	}
	l.Heal()
	if o := retry.Classify(l.settle(l.T, id, contracts.ReasonSeatLost)); o.Class == retry.ClassPoison || o.Class == retry.ClassRetryable {
		rt.Fatalf("settle is %s %s: %v", o.Class, o.Reason, o.Err)
	}
	l.ForgetSent()
}

func (l *losses) cancel(rt *rapid.T) {
	if row, found := l.aRow(rt); found && row.Status.Open() {
		ended, err := row.Cancel(order.Cause{Kind: message.KindCancelOrder, At: l.Instant()})
		if err != nil {
			rt.Fatal(err)
		}
		if err := l.Rows.Update(l.Context(), row, ended); err != nil {
			rt.Fatal(err)
		}
	}
}

// mirror applies one row to its group, unless the group is not loaded: the next handler that needs it loads it.
func (l *losses) mirror(rt *rapid.T) {
	if row, found := l.aRow(rt); found {
		l.mirrorRow(rt, row)
	}
}

func (l *losses) mirrorRow(rt *rapid.T, row order.Order) {
	g, places := row.SeatGroup(), l.placesOf(row)
	if l.Holds.Loaded(l.Context(), v1(g)) != nil {
		return
	}
	var err error
	switch {
	case row.Status.Open():
		_, err = l.Holds.Keep(l.Context(), v1(g), holds.Kept{
			Ask:     holds.Ask{Order: row.OrderID, Hash: row.RequestHash, Places: places},
			Version: row.Version, HeldAt: row.HeldAt, ExpiresAt: row.HoldExpiresAt,
		})
	case row.Status.Paid():
		var sale holds.Sale
		sale, err = l.Holds.Sell(l.Context(), v1(g), row.OrderID, places, row.Version)
		for _, id := range sale.Displaced {
			l.settleLost(rt, id, row.Group)
		}
	default:
		_, err = l.Holds.Release(l.Context(), v1(g), row.OrderID, row.Version)
	}
	if err != nil {
		rt.Fatal(err)
	}
}

func (l *losses) advance(rt *rapid.T) {
	most := rapid.SampledFrom([]time.Duration{time.Second, time.Second, 30 * time.Second, 3 * time.Minute}).Draw(rt, "most")
	l.Advance(time.Duration(rapid.Int64Range(0, most.Milliseconds()).Draw(rt, "ms")) * time.Millisecond)
}

// check wants each group to be consistent, and each hold, and each row that has a price, to be all that its order asked for.
func (l *losses) check(rt *rapid.T) {
	for _, id := range l.ids {
		row, _, _ := l.Rows.Read(l.Context(), id)
		if row.Amount != nil && (!l.bodies.whole(row.RequestHash, row.Group, l.placesOf(row)) || row.Amount.Minor != int64(4500*len(row.Seats))) {
			rt.Fatalf("order %s is %s with %v for %d", id, row.Status, row.Seats, row.Amount.Minor)
		}
	}
	for _, name := range groupNames {
		state := l.Holds.Inspect(groupOf(name))
		if err := holdtest.Consistent(state); err != nil {
			rt.Fatal(err)
		}
		for id, record := range state.Records {
			if record.State == seatstate.RecordHeld && !l.bodies.whole(record.Hash, name, record.Places) {
				rt.Fatalf("%s holds %v of %s", id, record.Places, name)
			}
		}
	}
}

// settled handles every message without faults, and wants each order to have a row, and each hold to be that of an open row of
// the group, with the row's seats unless another order has one of those.
func (l *losses) settled(rt *rapid.T) {
	l.Heal()
	l.Land()
	for tries := 0; len(l.queue) > 0; tries++ {
		if tries > 2000 {
			rt.Fatal("the orders are never done")
		}
		l.deliver(rt)
	}
	for _, id := range l.ids {
		row, found, _ := l.Rows.Read(l.Context(), id)
		if !found {
			rt.Fatalf("order %s has no row", id)
		}
		l.mirrorRow(rt, row)
		for _, name := range groupNames {
			state := l.Holds.Inspect(groupOf(name))
			record := state.Records[id]
			if record.State != seatstate.RecordHeld {
				continue
			}
			if !row.Status.Open() || row.Group != name {
				rt.Fatalf("order %s is %s in %s and holds %v of %s", id, row.Status, row.Group, record.Places, name)
			}
			theirs := slices.ContainsFunc(l.placesOf(row), func(p int) bool { return state.Entries[p].Order != "" && state.Entries[p].Order != id })
			over := l.Instant() >= row.HoldExpiresAt.Add(seatstate.LapseAfter)
			if !theirs && !over && !slices.Equal(slices.Sorted(slices.Values(record.Places)), slices.Sorted(slices.Values(l.placesOf(row)))) {
				rt.Fatalf("order %s has %v and holds %v", id, row.Seats, record.Places)
			}
		}
	}
}

// Whatever Redis loses, whichever puts land late and whichever orders are paid or ended meanwhile: an order has all that it asked
// for, at the price of all of it, or nothing; it is never refused for its own hold; its hold is never released while it is open.
func TestOrdersAreWholeWhateverIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := &losses{fixture: newFixture(t), T: t, bodies: bodies{}}
		l.watch(rt, l.bodies)
		l.Rows.PutTicket(groupOf("C"), "C-1-2", "before")
		deliver := func(rt *rapid.T) { l.fails(rt); l.deliver(rt) }
		rt.Repeat(map[string]func(*rapid.T){
			"": l.check, "order": l.order, "order too": l.order, "deliver": deliver, "deliver more": deliver, "deliver yet more": deliver,
			"land": func(*rapid.T) { l.Land() }, "lose": l.lose, "pay": l.pay, "cancel": l.cancel,
			"mirror": l.mirror, "mirror more": l.mirror, "advance": l.advance,
		})
		l.settled(rt)
		l.check(rt)
	})
}
