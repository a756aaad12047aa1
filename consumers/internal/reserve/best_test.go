package reserve_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

func (w *fixture) best(name string, quantity int, visited ...string) message.PlaceOrder {
	m := w.placed()
	m.Group, m.Seats, m.Visited = name, nil, visited
	m.BestAvailable = &message.BestAvailable{Section: "S", Quantity: quantity}
	m.RequestHash = contracts.RequestHashBest(m.ConcertID, "S", quantity, 0)
	return m
}

// fill gives these seats of a group to another buyer.
func (w *fixture) fill(t *testing.T, name string, seats ...string) {
	t.Helper()
	m := w.placed(seats...)
	m.Group = name
	world.WantDone(t, w.handle(t, m))
	w.ForgetSent()
}

func (w *fixture) heldIn(name string, id contracts.OrderID) (places []int) {
	for p, entry := range w.Holds.Inspect(contracts.SeatGroup{ConcertID: group.ConcertID, Group: name}).Entries {
		if entry.Order == id {
			places = append(places, p)
		}
	}
	slices.Sort(places)
	return places
}

func TestBestAvailableHoldsAdjacentSeats(t *testing.T) {
	w := newFixture(t)
	w.fill(t, "A", "A-1-3")
	m := w.best("A", 3)
	world.WantDone(t, w.handle(t, m))
	row := w.WantRow(t, m.OrderID, contracts.Held, 1)
	wantSeats(t, row, "A-1-4", "A-1-5", "A-1-6")
	if row.Amount.Minor != 3*4500 || row.RequestHash != m.RequestHash {
		t.Errorf("the row has the price %d and the hash %s, want %d and %s", row.Amount.Minor, row.RequestHash, 3*4500, m.RequestHash)
	}
	w.sentHeld(t)
}

func TestBestAvailableIsSentOn(t *testing.T) {
	w := newFixture(t)
	w.fill(t, "A", "A-1-2", "A-1-4")
	m := w.best("A", 3)
	world.WantDone(t, w.handle(t, m))
	on := w.sentOn(t)
	if on.Group != "B" || !slices.Equal(on.Visited, []string{"A"}) || on.OrderID != m.OrderID || on.Deadline != m.Deadline {
		t.Fatalf("sent %s on to %s after %v, until %d", on.OrderID, on.Group, on.Visited, on.Deadline)
	}
	w.WantNoRow(t, m.OrderID)
	// A redelivery sends it to the same group again, even if seats have become free here meanwhile.
	w.Holds.Wipe(contracts.SeatGroup{ConcertID: group.ConcertID, Group: "B"})
	world.WantDone(t, w.handle(t, m))
	if sent := w.Sent(); len(sent) != 2 || sent[1].DeduplicationID != sent[0].DeduplicationID || len(w.heldIn("A", m.OrderID)) != 0 {
		t.Errorf("sent %v with different deduplication ids, or held in A", w.SentKinds())
	}
	world.WantDone(t, w.handle(t, on))
	if row := w.WantRow(t, m.OrderID, contracts.Held, 1); row.Group != "B" || len(row.Seats) != 3 {
		t.Errorf("the row has %v in %s, want three seats in B", row.Seats, row.Group)
	}
}

func TestBestAvailableWhereNoneIsLeft(t *testing.T) {
	w := newFixture(t)
	for _, name := range []string{"A", "B", "C"} {
		w.fill(t, name, name+"-1-2", name+"-1-4", name+"-1-6")
	}
	m := w.best("A", 2)
	world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, "no_adjacent_seats")
	w.WantRow(t, m.OrderID, contracts.Rejected, 1)
	w.WantReason(t, m.OrderID, contracts.ReasonNoAdjacent)
	if asked := w.Row(t, m.OrderID).Asked; asked == nil || *asked != (readmodel.Asked{Section: "S", Quantity: 2}) {
		t.Errorf("the row says that it asked for %+v", asked)
	}
	w.WantSent(t)
	single := w.best("A", 1)
	world.WantDone(t, w.handle(t, single))
}

// A group whose shard of Redis is down does not hold up an order: it is tried after the groups that show seats, and before the
// order is rejected, since it may have some.
func TestBestAvailableWhereAGroupIsNotShown(t *testing.T) {
	w := newFixture(t)
	w.Unread = []contracts.SeatGroup{groupOf("B")}
	w.fill(t, "A", "A-1-2", "A-1-4", "A-1-6")
	w.fill(t, "C", "C-1-2")
	sentTo := func(m message.PlaceOrder) string {
		t.Helper()
		w.ForgetSent()
		world.WantDone(t, w.handle(t, m))
		w.sentOn(t)
		return w.Sent()[0].Group
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
	w := newFixture(t)
	w.fill(t, "A", "A-1-2", "A-1-4", "A-1-6")
	m := w.best("A", 2, "X", "Y", "Z")
	world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, "no_adjacent_seats")
}

func TestBestAvailableStaysInItsSection(t *testing.T) {
	w := newFixture(t)
	w.fill(t, "A", "A-1-2", "A-1-4", "A-1-6")
	m := w.best("A", 2)
	m.BestAvailable.Section = "elsewhere"
	world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, "no_adjacent_seats")
}

// Whatever fails in between, an order for any adjacent seats ends with one row, and holds just the row's seats, in the row's
// group alone.
func TestBestAvailableHoldsInOneGroupOnce(t *testing.T) {
	faults := []world.Fault{
		world.Fails(world.Hold), world.LosesAnswer(world.Hold), world.Fails(world.Maps), world.Fails(world.Forward),
		world.LosesAnswer(world.Forward), world.Fails(world.Put), world.LosesAnswer(world.Put), world.Fails(world.Send),
		world.Fails(world.Release), world.Fails(world.Concert),
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := newFixture(t)
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
				w.injectOnce(rapid.SampledFrom(faults).Draw(rt, "fault"))
			}
			at := rapid.IntRange(0, len(queue)-1).Draw(rt, "at")
			outcome := retry.Classify(w.handle(t, queue[at]))
			if outcome.Class == retry.ClassPoison {
				rt.Fatalf("poison %s: %v", outcome.Reason, outcome.Err)
			}
			if outcome.Class != retry.ClassRetryable && rapid.IntRange(0, 3).Draw(rt, "again") > 0 {
				queue = slices.Delete(queue, at, at+1)
			}
			queue = append(queue, w.allSentOn(t)...)
			w.ForgetSent()
		}
		row := w.Row(t, m.OrderID)
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

func TestBestAvailableIsDecidedInItsPlaceOfARun(t *testing.T) {
	w := newFixture(t)
	a, best, b := w.placed("A-1-1"), w.best("A", 6), w.placed("A-1-2")
	for _, err := range w.runOf(t, a, best, b) {
		world.WantDone(t, err)
	}
	w.WantPlaces(t, group, world.HeldBy(a.OrderID), world.HeldBy(b.OrderID))
}

// Two messages of one order that were sent on to each other's group, one of which has lost its record of the order, end with a
// row, and not as poison.
func TestAnOrderThatWasSentOnInACircleEnds(t *testing.T) {
	w := newFixture(t)
	w.fill(t, "A", "A-1-2", "A-1-4")
	m := w.best("A", 3)
	world.WantDone(t, w.handle(t, m)) // sent on to B
	again := w.best("A", 3, "B")
	again.OrderID, again.UserID = m.OrderID, m.UserID
	world.WantOutcome(t, w.handle(t, again), retry.ClassRefused, "no_adjacent_seats")
	w.WantRow(t, m.OrderID, contracts.Rejected, 1)
	w.WantReason(t, m.OrderID, contracts.ReasonNoAdjacent)
	w.WantSent(t, message.KindPlaceOrder) // the one to B
}
