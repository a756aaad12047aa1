package reconcile_test

import (
	"slices"
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// holdNow is the first row of an order whose hold begins now.
func (w *fixture) holdNow(m message.PlaceOrder) order.Order {
	hold := order.Hold{Seats: m.Seats, HeldAt: w.Instant(), ExpiresAt: w.Instant() + 5*minute, BuyerLimit: 8}
	return order.NewHeld(m, "1", hold, order.Cause{Kind: message.KindPlaceOrder, At: w.Instant()})
}

// seated puts a row of group A in a status, with a hold of these seats that begins now. Redis is left as it is.
func (w *fixture) seated(t *testing.T, status contracts.Status, seats ...string) order.Order {
	t.Helper()
	return w.seatedIn(t, "A", status, seats...)
}

func (w *fixture) seatedIn(t *testing.T, name string, status contracts.Status, seats ...string) order.Order {
	t.Helper()
	m := ordertest.Placed(group(name), seats...)
	o := w.holdNow(m)
	o.Status = status
	ordertest.Put(t, w.Rows, o)
	if status.Paid() {
		for _, seat := range seats {
			w.Rows.PutTicket(group(name), seat, o.OrderID)
		}
	}
	return o
}

// holding makes an order hold places of group A in Redis.
func (w *fixture) holding(t *testing.T, id contracts.OrderID, places ...int) {
	t.Helper()
	a, err := holdtest.Hold(t.Context(), w.Holds, v1(group("A")), holds.Ask{Order: id, Hash: "h", Places: places})
	if err != nil || a.Outcome != holds.Held {
		t.Fatalf("hold: %s, %v", a.Outcome, err)
	}
}

// settled is the orders that a SettleOrder was sent for, sorted.
func (w *fixture) settled() []contracts.OrderID {
	var ids []contracts.OrderID
	for _, m := range w.Sent() {
		if m.Attributes.Kind == message.KindSettleOrder {
			ids = append(ids, m.Attributes.OrderID)
		}
	}
	slices.Sort(ids)
	return ids
}

// wantRun wants a run to repair that many orders, and to find that many that have lost a seat.
func (w *fixture) wantRun(t *testing.T, repaired, lost int) {
	t.Helper()
	report, err := w.run(t)
	if err != nil || report.Repaired != repaired || report.Lost != lost {
		t.Errorf("report %+v, %v, want %d repaired, %d lost", report, err, repaired, lost)
	}
}

// A difference of each kind is repaired in one run: a ticket whose place another order holds, a sale without a ticket, an open order
// without its hold, a hold of an order that has ended, one of an order of another group. A hold without a row stays.
func TestRedisIsRepairedFromRowsAndTickets(t *testing.T) {
	w := newFixture(t)
	owner := w.seated(t, contracts.Confirmed, "A-1-1", "A-1-2")
	displaced := w.seated(t, contracts.Held, "A-1-2", "A-1-3")
	w.holding(t, displaced.OrderID, 1, 2)
	revoked := w.seated(t, contracts.Revoked, "A-1-4")
	if _, err := w.Holds.Sell(t.Context(), v1(group("A")), revoked.OrderID, []int{3}, 1); err != nil {
		t.Fatal(err)
	}
	open := w.seated(t, contracts.AwaitingPayment, "A-1-5", "A-1-6")
	ended := w.seated(t, contracts.Cancelled, "A-1-7")
	w.holding(t, ended.OrderID, 6)
	elsewhere := w.seatedIn(t, "B", contracts.Held, "A-1-8")
	w.holding(t, elsewhere.OrderID, 7)
	coming := ordertest.NewID()
	w.holding(t, coming, 8)

	// Besides the five orders of A, the one of B has no hold there.
	w.wantRun(t, 6, 1)
	// The displaced order has lost its other seat too: an order has all its seats or none.
	free, sold, held := world.Free, world.SoldTo(owner.OrderID), world.HeldBy(open.OrderID)
	w.WantPlaces(t, group("A"), sold, sold, free, free, held, held, free, free, world.HeldBy(coming))
	if got := w.settled(); !slices.Equal(got, []contracts.OrderID{displaced.OrderID}) {
		t.Errorf("SettleOrder was sent for %v, want %s", got, displaced.OrderID)
	}
	if err := holdtest.Consistent(w.Holds.Inspect(group("A"))); err != nil {
		t.Error(err)
	}
	w.ForgetSent()
	w.SetTime(w.Instant() + minute)
	w.wantRun(t, 0, 1) // it is still open: its SettleOrder is sent again, with the number of this run
}

// An open order whose seat has another order's ticket is settled, even if Redis has nothing of it: the SettleOrder of that sale may
// have been lost with the process that had to send it.
func TestAnOpenOrderThatLostItsSeatIsSettled(t *testing.T) {
	w := newFixture(t)
	owner := w.seated(t, contracts.Committed, "A-1-1")
	loser := w.seated(t, contracts.AwaitingPayment, "A-1-1", "A-1-2")
	// An order without a row yet is settled too: the sale takes its place.
	coming := ordertest.NewID()
	w.holding(t, coming, 0)
	w.wantRun(t, 1, 2)
	lost := []contracts.OrderID{loser.OrderID, coming}
	slices.Sort(lost)
	w.WantPlaces(t, group("A"), world.SoldTo(owner.OrderID))
	if got := w.settled(); !slices.Equal(got, lost) {
		t.Errorf("SettleOrder was sent for %v, want %v", got, lost)
	}
	w.Inject(world.Fails(world.Send).Always())
	w.SetTime(w.Instant() + minute)
	if _, err := w.run(t); err == nil {
		t.Error("a failed send is not reported")
	}
	w.Heal()
	w.ForgetSent()
	w.wantRun(t, 0, 1)
}

// A change between the reads of rows and tickets is not undone: that order is compared in the next run.
func TestAnOrderThatChangesMeanwhileIsLeftToTheNextRun(t *testing.T) {
	w := newFixture(t)
	o := w.seated(t, contracts.Held, "A-1-1")
	reads := 0
	w.BeforeEach(func(c world.Call, about ...string) {
		if c != world.Tickets || about[0] != group("A").Key() {
			return
		}
		if reads++; reads == 2 { // the row was read as open; it ends, and its seats are released
			ended, err := o.Cancel(order.Cause{Kind: message.KindCancelOrder, At: w.Instant()})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Rows.Update(t.Context(), o, ended); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Holds.Release(t.Context(), v1(group("A")), o.OrderID, ended.Version); err != nil {
				t.Fatal(err)
			}
		}
	})
	w.wantRun(t, 0, 0)
	w.WantPlaces(t, group("A"))
	if reads != 2 {
		t.Errorf("tickets were read %d times, want 2", reads)
	}
	compared := w.Count(world.State)
	w.BeforeEach(nil)
	w.wantRun(t, 0, 0)
	if w.Count(world.State) != compared+1 {
		t.Errorf("a group with a skipped order was not compared again")
	}
}

// A group that has not moved is not compared again for ten minutes; a new process compares all groups.
func TestOnlyWhatMovedIsCompared(t *testing.T) {
	w := newFixture(t)
	w.wantCompared(t, 2, "at first")
	w.wantCompared(t, 0, "nothing moved")
	o := w.seated(t, contracts.Held, "A-1-1")
	w.holding(t, o.OrderID, 0)
	w.wantCompared(t, 1, "a hold was made")
	w.wantCompared(t, 0, "and no more")
	w.SetTime(w.Instant() + 7*minute)
	w.wantCompared(t, 1, "ten minutes after it was last compared")
	w.restart()
	w.wantCompared(t, 2, "a new process")
	w.seated(t, contracts.Cancelled, "A-1-9")
	w.holding(t, w.seated(t, contracts.Cancelled, "A-1-9").OrderID, 8)
	w.wantCompared(t, 1, "repairs it")
	w.wantCompared(t, 1, "compares it after the repair")
	w.wantCompared(t, 0, "and no more")
	w.holding(t, w.seated(t, contracts.Cancelled, "A-1-10").OrderID, 9)
	w.Inject(world.Fails(world.Repair).Always())
	if _, err := w.run(t); err == nil {
		t.Error("a failed repair is not reported")
	}
	w.Heal()
	w.wantRun(t, 1, 0)
}

func (w *fixture) wantCompared(t *testing.T, want int, why string) {
	t.Helper()
	before := w.Count(world.State)
	w.SetTime(w.Instant() + minute)
	if _, err := w.run(t); err != nil {
		t.Fatalf("%s: %v", why, err)
	}
	if got := w.Count(world.State) - before; got != want {
		t.Errorf("%s: %d groups were read, want %d", why, got, want)
	}
}

// A ticket of a seat that the frozen layout does not have is a broken invariant: it is reported, and the other groups go on.
func TestATicketOfNoSeatIsReported(t *testing.T) {
	w := newFixture(t)
	w.Rows.PutTicket(group("A"), "Z-9-9", ordertest.NewID())
	held := w.seatedIn(t, "B", contracts.Held, "A-1-1")
	report, err := w.run(t)
	if err == nil || report.Repaired != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
	w.WantPlaces(t, group("B"), world.HeldBy(held.OrderID))
}

// A query of tickets may see a transaction half done: a paid order whose ticket is not visible keeps its seat, and gets it if Redis
// differs.
func TestAPaidRowOutranksATicketThatIsNotVisible(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Committed, contracts.Confirmed} {
		w := newFixture(t)
		o := w.seated(t, status, "A-1-1", "A-1-2")
		if _, err := w.Holds.Sell(t.Context(), v1(group("A")), o.OrderID, []int{0, 1}, 1); err != nil {
			t.Fatal(err)
		}
		w.Rows.RemoveTicket(group("A"), "A-1-2")
		w.wantRun(t, 0, 0)
		unsold := w.seated(t, status, "A-1-3", "A-1-4")
		w.Rows.RemoveTicket(group("A"), "A-1-4")
		holder := w.seated(t, contracts.Held, "A-1-4", "A-1-5")
		w.holding(t, holder.OrderID, 3, 4)
		w.SetTime(w.Instant() + minute)
		w.wantRun(t, 1, 1)
		first, second := world.SoldTo(o.OrderID), world.SoldTo(unsold.OrderID)
		w.WantPlaces(t, group("A"), first, first, second, second)
		if got := w.settled(); !slices.Equal(got, []contracts.OrderID{holder.OrderID}) {
			t.Errorf("SettleOrder was sent for %v, want %s", got, holder.OrderID)
		}
	}
}
