package reserve_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func (w *world) best(name string, quantity int, visited ...string) message.PlaceOrder {
	m := w.placed()
	m.Group, m.Seats, m.Visited = name, nil, visited
	m.BestAvailable = &message.BestAvailable{Section: "S", Quantity: quantity}
	m.RequestHash = contracts.RequestHashBest(m.ConcertID, "S", quantity, 0)
	return m
}

// fill lets another buyer have these seats of a group.
func (w *world) fill(t *testing.T, name string, seats ...string) {
	t.Helper()
	m := w.placed(seats...)
	m.Group = name
	want(t, w.handle(t, m), retry.ClassDone, "")
	w.sent = nil
}

func (w *world) heldIn(name string, id contracts.OrderID) (places []int) {
	for p, entry := range w.holds.Inspect(contracts.SeatGroup{ConcertID: group.ConcertID, Group: name}).Entries {
		if entry.Order == id {
			places = append(places, p)
		}
	}
	slices.Sort(places)
	return places
}

func TestBestAvailableHoldsAdjacentSeats(t *testing.T) {
	w := newWorld(t)
	w.fill(t, "A", "A-1-3")
	m := w.best("A", 3)
	want(t, w.handle(t, m), retry.ClassDone, "")
	row := w.row(t, m.OrderID)
	if row.Status != contracts.Held || !slices.Equal(row.Seats, []string{"A-1-4", "A-1-5", "A-1-6"}) || row.Amount.Minor != 3*4500 || row.RequestHash != m.RequestHash {
		t.Errorf("row %+v", row)
	}
	if got := w.kinds(); got != "OpenPayment ExpireHold" {
		t.Errorf("sent %s", got)
	}
}

func TestBestAvailableIsSentOn(t *testing.T) {
	w := newWorld(t)
	w.fill(t, "A", "A-1-2", "A-1-4")
	m := w.best("A", 3)
	want(t, w.handle(t, m), retry.ClassDone, "")
	if len(w.sent) != 1 {
		t.Fatalf("sent %+v", w.sent)
	}
	next, err := message.Decode(w.sent[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	on, ok := next.(message.PlaceOrder)
	if !ok || on.Group != "B" || !slices.Equal(on.Visited, []string{"A"}) || on.OrderID != m.OrderID || on.Deadline != m.Deadline {
		t.Fatalf("sent on %+v", next)
	}
	if _, found, _ := w.rows.Read(t.Context(), m.OrderID); found {
		t.Error("an order that was sent on has a row")
	}
	// A redelivery sends it to the same group again, also when seats have come free here meanwhile.
	w.holds.Wipe(contracts.SeatGroup{ConcertID: group.ConcertID, Group: "B"})
	want(t, w.handle(t, m), retry.ClassDone, "")
	if len(w.sent) != 2 || w.sent[1].DeduplicationID != w.sent[0].DeduplicationID || len(w.heldIn("A", m.OrderID)) != 0 {
		t.Errorf("sent %+v", w.sent)
	}
	want(t, w.handle(t, on), retry.ClassDone, "")
	if row := w.row(t, m.OrderID); row.Status != contracts.Held || row.Group != "B" || len(row.Seats) != 3 {
		t.Errorf("row %+v", row)
	}
}

func TestBestAvailableWhereNoneIsLeft(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"A", "B", "C"} {
		w.fill(t, name, name+"-1-2", name+"-1-4", name+"-1-6")
	}
	m := w.best("A", 2)
	want(t, w.handle(t, m), retry.ClassRefused, "no_adjacent_seats")
	if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonNoAdjacent || len(w.sent) != 0 {
		t.Errorf("row %+v, sent %v", row, w.sent)
	}
	single := w.best("A", 1)
	want(t, w.handle(t, single), retry.ClassDone, "")
}

// A group whose part of Redis is down holds up no order of another: it is tried after those that show seats, and before the
// order is rejected, since it may have some.
func TestBestAvailableWhereAGroupIsNotShown(t *testing.T) {
	w := newWorld(t)
	w.unread = "B"
	w.fill(t, "A", "A-1-2", "A-1-4", "A-1-6")
	w.fill(t, "C", "C-1-2")
	sentTo := func(m message.PlaceOrder) string {
		t.Helper()
		w.sent = nil
		want(t, w.handle(t, m), retry.ClassDone, "")
		if len(w.sent) != 1 {
			t.Fatalf("sent %+v", w.sent)
		}
		return w.sent[0].Group
	}
	if got := sentTo(w.best("A", 2)); got != group.ConcertID+"#C" {
		t.Errorf("sent to %s", got)
	}
	w.fill(t, "C", "C-1-4", "C-1-6")
	if got := sentTo(w.best("A", 2)); got != group.ConcertID+"#B" {
		t.Errorf("sent to %s", got)
	}
}

func TestBestAvailableHopsAFewTimesOnly(t *testing.T) {
	w := newWorld(t)
	w.fill(t, "A", "A-1-2", "A-1-4", "A-1-6")
	m := w.best("A", 2, "X", "Y", "Z")
	want(t, w.handle(t, m), retry.ClassRefused, "no_adjacent_seats")
}

func TestBestAvailableOfASectionThatIsAnother(t *testing.T) {
	w := newWorld(t)
	w.fill(t, "A", "A-1-2", "A-1-4", "A-1-6")
	m := w.best("A", 2)
	m.BestAvailable.Section = "elsewhere"
	want(t, w.handle(t, m), retry.ClassRefused, "no_adjacent_seats")
}

// Whatever fails in between, an order for any seats ends with one row, and holds in the row's group alone and just the
// row's seats.
func TestBestAvailableHoldsInOneGroupOnce(t *testing.T) {
	failures := []string{"hold", "hold reply", "maps", "forward", "forward reply", "put", "put reply", "send", "release", "concert"}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		for _, name := range []string{"A", "B", "C"} {
			for n := range 6 {
				if rapid.IntRange(0, 2).Draw(rt, "taken") == 0 {
					w.fill(t, name, fmt.Sprintf("%s-1-%d", name, n+1))
				}
			}
		}
		asked := bodies{}
		w.watch(rt, asked)
		m := asked.add(w.best("A", rapid.IntRange(1, 4).Draw(rt, "quantity")))
		queue := []message.PlaceOrder{m}
		for tries := 0; len(queue) > 0; tries++ {
			if tries > 300 {
				rt.Fatal("the order is never done")
			}
			if rapid.IntRange(0, 2).Draw(rt, "fails") == 0 {
				w.fail[rapid.SampledFrom(failures).Draw(rt, "call")] = errors.New("broken connection")
			}
			at := rapid.IntRange(0, len(queue)-1).Draw(rt, "at")
			outcome := w.handle(t, queue[at])
			if outcome.Class == retry.ClassPoison {
				rt.Fatalf("poison: %+v", outcome)
			}
			if outcome.Class != retry.ClassRetryable && rapid.IntRange(0, 3).Draw(rt, "again") > 0 {
				queue = slices.Delete(queue, at, at+1)
			}
			for _, sent := range w.sent {
				if next, err := message.Decode(sent.Body); err == nil {
					if on, ok := next.(message.PlaceOrder); ok {
						queue = append(queue, on)
					}
				}
			}
			w.sent = nil
		}
		row := w.row(t, m.OrderID)
		for _, g := range layout() {
			var wanted []int
			if row.Status == contracts.Held && g.Group == row.Group {
				wanted, _, _ = g.Places(row.Seats)
				slices.Sort(wanted)
			}
			if got := w.heldIn(g.Group, m.OrderID); !slices.Equal(got, wanted) {
				rt.Fatalf("holds %v in %s, the row is %s in %s with %v", got, g.Group, row.Status, row.Group, row.Seats)
			}
		}
	})
}

func TestBestAvailableStandsInARunLikeAnyOther(t *testing.T) {
	w := newWorld(t)
	a, best, b := w.placed("A-1-1"), w.best("A", 6), w.placed("A-1-2")
	for i, o := range w.runOf(t, a, best, b) {
		if o.Class != retry.ClassDone {
			t.Errorf("order %d: %+v", i, o)
		}
	}
	if len(w.heldIn("A", best.OrderID)) != 0 || !slices.Equal(w.taken(), []int{0, 1}) {
		t.Errorf("places %v", w.taken())
	}
}

// Two messages of one order that were sent on to each other's group, one of which has forgotten the order, end it by a row, and
// not as poison.
func TestAnOrderThatWasSentOnInACircleEnds(t *testing.T) {
	w := newWorld(t)
	w.fill(t, "A", "A-1-2", "A-1-4")
	m := w.best("A", 3)
	want(t, w.handle(t, m), retry.ClassDone, "") // sent on to B
	again := w.best("A", 3, "B")
	again.OrderID, again.UserID = m.OrderID, m.UserID
	want(t, w.handle(t, again), retry.ClassRefused, "no_adjacent_seats")
	if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonNoAdjacent || len(w.sent) != 1 {
		t.Errorf("the row is %s, %+v, sent %+v", row.Status, row.Reason, w.sent)
	}
}
