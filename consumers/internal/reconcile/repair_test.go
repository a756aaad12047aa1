package reconcile_test

import (
	"maps"
	"slices"
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// seated puts a row of group A in a status, with a hold of these seats that begins now. Redis is not told.
func (w *fixture) seated(t *testing.T, status contracts.Status, seats ...string) order.Order {
	t.Helper()
	return w.seatedIn(t, "A", status, seats...)
}

func (w *fixture) seatedIn(t *testing.T, name string, status contracts.Status, seats ...string) order.Order {
	t.Helper()
	m := ordertest.Placed(group(name), seats...)
	o := order.NewHeld(m, "1", order.Hold{Seats: m.Seats, HeldAt: w.Instant(), ExpiresAt: w.Instant() + 5*minute, BuyerLimit: 8}, order.Cause{Kind: message.KindPlaceOrder, At: w.Instant()})
	o.Status = status
	ordertest.Put(t, w.Rows, o)
	if status.Paid() {
		for _, seat := range seats {
			w.Rows.PutTicket(group(name), seat, o.OrderID)
		}
	}
	return o
}

// holding lets an order hold places of group A in Redis.
func (w *fixture) holding(t *testing.T, id contracts.OrderID, places ...int) {
	t.Helper()
	a, err := holdtest.Hold(t.Context(), w.Holds, v1(group("A")), holds.Ask{Order: id, Hash: "h", Places: places})
	if err != nil || a.Outcome != holds.Held {
		t.Fatalf("hold: %+v, %v", a, err)
	}
}

// owners are the taken places of group A.
func (w *fixture) owners() map[int]contracts.OrderID {
	owners := map[int]contracts.OrderID{}
	for p, entry := range w.Holds.Inspect(group("A")).Entries {
		owners[p] = entry.Order
	}
	return owners
}

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

func (w *fixture) wantRun(t *testing.T, repaired, lost int) {
	t.Helper()
	report, err := w.run(t)
	if err != nil || report.Repaired != repaired || report.Lost != lost {
		t.Errorf("report %+v, %v, want %d repaired, %d lost", report, err, repaired, lost)
	}
}

// A difference of each kind is gone after one run: a ticket whose place is another's hold, a sale without a ticket, an
// open order without its hold, a hold of one that has ended, one of another group's order. A hold without a row stays.
func TestRedisIsBroughtToRowsAndTickets(t *testing.T) {
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
	// The displaced order has lost its other seat too: some of its seats are of no use to it.
	want := map[int]contracts.OrderID{0: owner.OrderID, 1: owner.OrderID, 4: open.OrderID, 5: open.OrderID, 8: coming}
	got := w.owners()
	if !maps.Equal(got, want) {
		t.Errorf("places are of %v, want %v", got, want)
	}
	if got := w.settled(); !slices.Equal(got, []contracts.OrderID{displaced.OrderID}) {
		t.Errorf("told %v, want %s", got, displaced.OrderID)
	}
	if err := holdtest.Consistent(w.Holds.Inspect(group("A"))); err != nil {
		t.Error(err)
	}
	w.ForgetSent()
	w.SetTime(w.Instant() + minute)
	w.wantRun(t, 0, 1) // it is still open: told again, with the number of this run
}

// An open order whose seat has another's ticket is told, also where Redis has nothing of it: the word of its sale may
// have been lost with the process that was to send it.
func TestAnOpenOrderWithoutItsSeatIsTold(t *testing.T) {
	w := newFixture(t)
	owner := w.seated(t, contracts.Committed, "A-1-1")
	loser := w.seated(t, contracts.AwaitingPayment, "A-1-1", "A-1-2")
	// One whose row is on its way, too: the sale takes its place.
	coming := ordertest.NewID()
	w.holding(t, coming, 0)
	w.wantRun(t, 1, 2)
	told := []contracts.OrderID{loser.OrderID, coming}
	slices.Sort(told)
	if got := w.owners(); !maps.Equal(got, map[int]contracts.OrderID{0: owner.OrderID}) {
		t.Errorf("places are of %v", got)
	}
	if got := w.settled(); !slices.Equal(got, told) {
		t.Errorf("told %v, want %v", got, told)
	}
	w.Inject(world.Fails(world.Send).Always())
	w.SetTime(w.Instant() + minute)
	if _, err := w.run(t); err == nil {
		t.Error("a failed send is not told")
	}
	w.Heal()
	w.ForgetSent()
	w.wantRun(t, 0, 1)
}

// What happens while rows and tickets are read is not undone: that order is looked at in the next run.
func TestARunningOrderIsNotDisturbed(t *testing.T) {
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
	if got := w.owners(); len(got) != 0 || reads != 2 {
		t.Errorf("places are of %v after %d reads", got, reads)
	}
	looks := w.Count(world.State)
	w.BeforeEach(nil)
	w.wantRun(t, 0, 0)
	if w.Count(world.State) != looks+1 {
		t.Errorf("a group with a skipped order was not looked at again")
	}
}

// A group that has not moved is not read again for ten minutes; a new process looks at all of them.
func TestOnlyWhatMovedIsCompared(t *testing.T) {
	w := newFixture(t)
	w.wantCompared(t, 2, "at first")
	w.wantCompared(t, 0, "nothing moved")
	o := w.seated(t, contracts.Held, "A-1-1")
	w.holding(t, o.OrderID, 0)
	w.wantCompared(t, 1, "a hold was made")
	w.wantCompared(t, 0, "and no more")
	w.SetTime(w.Instant() + 7*minute)
	w.wantCompared(t, 1, "ten minutes after it was last looked at")
	w.restart()
	w.wantCompared(t, 2, "a new process")
	w.seated(t, contracts.Cancelled, "A-1-9")
	w.holding(t, w.seated(t, contracts.Cancelled, "A-1-9").OrderID, 8)
	w.wantCompared(t, 1, "repairs it")
	w.wantCompared(t, 1, "looks whether it is as it should be")
	w.wantCompared(t, 0, "and no more")
	w.holding(t, w.seated(t, contracts.Cancelled, "A-1-10").OrderID, 9)
	w.Inject(world.Fails(world.Repair).Always())
	if _, err := w.run(t); err == nil {
		t.Error("a failed repair is not told")
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

// A ticket of a seat that the frozen layout does not have breaks an invariant: it is told, and the other groups go on.
func TestATicketOfNoSeatIsTold(t *testing.T) {
	w := newFixture(t)
	w.Rows.PutTicket(group("A"), "Z-9-9", ordertest.NewID())
	w.seatedIn(t, "B", contracts.Held, "A-1-1")
	report, err := w.run(t)
	if err == nil || report.Repaired != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
	if entry := w.Holds.Inspect(group("B")).Entries[0]; entry.State != seatstate.Held {
		t.Errorf("B has %+v", entry)
	}
}

// A query of tickets sees a transaction half done: a paid order whose ticket is not visible keeps its seat, and gets it
// where Redis has it otherwise.
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
		want := map[int]contracts.OrderID{0: o.OrderID, 1: o.OrderID, 2: unsold.OrderID, 3: unsold.OrderID}
		if got := w.owners(); !maps.Equal(got, want) {
			t.Errorf("places are of %v, want %v", got, want)
		}
		if got := w.settled(); !slices.Equal(got, []contracts.OrderID{holder.OrderID}) {
			t.Errorf("told %v, want %s", got, holder.OrderID)
		}
	}
}
