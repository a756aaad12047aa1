package reserve_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// runOf gives consecutive orders to one call, as sqsbatch does, and returns the error of each. Those after the first one that is
// not acknowledged are redelivered, whatever their errors.
func (w *fixture) runOf(t *testing.T, orders ...message.PlaceOrder) []error {
	t.Helper()
	var run []reserve.Placing
	for i, m := range orders {
		run = append(run, reserve.Placing{Message: m, Delivery: message.Delivery{
			MessageID: fmt.Sprint("m-", i), SequenceNumber: fmt.Sprint(i), SentAt: w.Instant(),
			Attributes: message.Attributes{Trace: fmt.Sprint("trace-", i)},
		}})
	}
	errs := w.place().HandleRun(t.Context(), run)
	if len(errs) != len(orders) {
		t.Fatalf("%d results of %d orders", len(errs), len(orders))
	}
	return errs
}

func (w *fixture) by(user string, seats ...string) message.PlaceOrder {
	m := w.placed(seats...)
	m.UserID = user
	return m
}

// A run that shares nothing is one script call and one put an order, with one send for all of them.
func TestARunIsOneCall(t *testing.T) {
	w := newFixture(t)
	world.WantDone(t, w.handle(t, w.placed("A-1-6"))) // loads the group
	w.ForgetCalls()
	w.ForgetSent()
	errs := w.runOf(t, w.placed("A-1-1"), w.placed("A-1-2", "A-1-3"), w.placed("A-1-6"), w.placed("A-1-4"))
	for i, err := range errs {
		if i == 2 {
			world.WantOutcome(t, err, retry.ClassRefused, "seat_taken")
		} else {
			world.WantDone(t, err)
		}
	}
	if scripts, puts := w.scripts(), w.Count(world.Put); scripts != 1 || puts != 4 {
		t.Errorf("%d script calls and %d puts, want 1 and 4", scripts, puts)
	}
	if sends, sent := w.Count(world.Send), len(w.Sent()); sends != 1 || sent != 6 {
		t.Errorf("%d sends of %d messages, want 1 of 6", sends, sent)
	}
}

// Each order of a run has a trace of its own, which the messages that are sent for it carry.
func TestEachOrderOfARunHasItsTrace(t *testing.T) {
	w := newFixture(t)
	w.fill(t, "A", "A-1-2", "A-1-4", "A-1-6")
	w.runOf(t, w.placed("A-1-1"), w.best("A", 2), w.placed("A-1-3"))
	var got []string
	for _, sent := range w.Sent() {
		got = append(got, string(sent.Attributes.Kind)+" "+sent.Attributes.Trace)
	}
	want := []string{"OpenPayment trace-0", "ExpireHold trace-0", "PlaceOrder trace-1", "OpenPayment trace-2", "ExpireHold trace-2"}
	if !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
}

// Rejected orders of a run cost one script call for all and one put each: the first call made them wait for the order before
// them, and the second decides them.
func TestARunForOneSeat(t *testing.T) {
	w := newFixture(t)
	world.WantDone(t, w.handle(t, w.placed("A-1-6")))
	w.ForgetCalls()
	var orders []message.PlaceOrder
	for range 10 {
		orders = append(orders, w.placed("A-1-1"))
	}
	outcomes := w.runOf(t, orders...)
	world.WantDone(t, outcomes[0])
	for _, o := range outcomes[1:] {
		world.WantOutcome(t, o, retry.ClassRefused, "seat_taken")
	}
	if scripts, puts := w.scripts(), w.Count(world.Put); scripts != 2 || puts != 10 {
		t.Errorf("%d script calls and %d puts, want 2 and 10", scripts, puts)
	}
}

func TestTheLimitOfABuyer(t *testing.T) {
	w := newFixture(t)
	w.Catalog.Concerts[0].LimitPerBuyer = 2
	first, second, third := w.by("ann", "A-1-1", "A-1-2"), w.by("ann", "A-1-3"), w.by("ben", "A-1-3")
	outcomes := w.runOf(t, first, second, third)
	world.WantDone(t, outcomes[0])
	world.WantOutcome(t, outcomes[1], retry.ClassRefused, "limit_reached")
	world.WantDone(t, outcomes[2])
	if row := w.WantRow(t, second.OrderID, contracts.Rejected, 1); row.Counted != 0 {
		t.Errorf("a rejected order counts %d seats", row.Counted)
	}
	w.WantReason(t, second.OrderID, contracts.ReasonLimitReached)
	if n, _ := w.Rows.Allowance(t.Context(), group.ConcertID, "ann"); n != 2 {
		t.Errorf("%d seats are counted", n)
	}
	w.WantTaken(t, group, 0, 1, 2)
}

// A concert without a stored limit has the default one, of 8 here, and a row has the limit that it was held under.
func TestTheDefaultLimitOfABuyer(t *testing.T) {
	w := newFixture(t)
	elsewhere := contracts.SeatGroup{ConcertID: group.ConcertID, Group: "B"}
	w.Rows.PutAll(t.Context(), []order.Order{ordertest.HeldBy(elsewhere, "ann", 8, "B-1", "B-2", "B-3", "B-4", "B-5", "B-6")})
	first, second, third := w.by("ann", "A-1-1", "A-1-2", "A-1-3"), w.by("ann", "A-1-1", "A-1-2"), w.by("ann", "A-1-3")
	outcomes := w.runOf(t, first, second, third)
	world.WantOutcome(t, outcomes[0], retry.ClassRefused, "limit_reached")
	world.WantDone(t, outcomes[1])
	world.WantOutcome(t, outcomes[2], retry.ClassRefused, "limit_reached")
	if row := w.Row(t, second.OrderID); row.Counted != 2 || row.BuyerLimit != 8 {
		t.Errorf("the row counts %d seats under a limit of %d, want 2 under 8", row.Counted, row.BuyerLimit)
	}
}

// A limit may be set, lowered and raised while buyers have seats: all their seats count from the first one on, a lower limit takes
// no seat away, and each row has the limit that it was held under.
func TestALimitThatChanges(t *testing.T) {
	w := newFixture(t)
	buy := func(limit int, code string, seats ...string) message.PlaceOrder {
		t.Helper()
		w.Catalog.Concerts[0].LimitPerBuyer = limit
		m := w.by("ann", seats...)
		class := retry.ClassDone
		if code != "" {
			class = retry.ClassRefused
		}
		world.WantOutcome(t, w.handle(t, m), class, code)
		return m
	}
	first := buy(0, "", "A-1-1", "A-1-2", "A-1-3") // under the default
	buy(3, "limit_reached", "A-1-4")
	buy(2, "limit_reached", "A-1-4")
	second := buy(4, "", "A-1-4")
	buy(4, "limit_reached", "A-1-5")
	third := buy(8, "", "A-1-5")
	for m, limit := range map[contracts.OrderID]int{first.OrderID: 8, second.OrderID: 4, third.OrderID: 8} {
		if row := w.Row(t, m); row.Status != contracts.Held || row.BuyerLimit != limit || row.Counted != len(row.Seats) {
			t.Errorf("%v: %s under a limit of %d, counting %d; want HELD under %d", row.Seats, row.Status, row.BuyerLimit, row.Counted, limit)
		}
	}
	if n, err := w.Rows.Allowance(t.Context(), group.ConcertID, "ann"); n != 5 || err != nil {
		t.Errorf("%d seats are counted, %v", n, err)
	}
}

// A row whose put has an unknown result stops its own order and every later one: their seats may depend on it.
func TestAnUnknownPutStopsTheRunThere(t *testing.T) {
	w := newFixture(t)
	a, b, c := w.placed("A-1-1"), w.placed("A-1-2"), w.placed("A-1-1")
	w.Inject(world.Fails(world.Put))
	outcomes := w.runOf(t, a, b, c)
	world.WantRetryable(t, outcomes[0])
	world.WantRetryable(t, outcomes[2])
	w.WantNoRow(t, c.OrderID) // the holder of its seat has no row
	for i, o := range w.runOf(t, a, b, c) {
		world.WantOutcome(t, o, []retry.Class{retry.ClassDone, retry.ClassDone, retry.ClassRefused}[i], []string{"", "", "seat_taken"}[i])
	}
}

// Any split into runs, with limits that refuse some, orders that are delivered twice, also with another body, and calls that fail
// in between, gives each order the row that it would have one by one: of two bodies that of the first.
func TestAnySplitGivesTheResultOfOneByOne(t *testing.T) {
	faults := []world.Fault{
		world.Fails(world.Hold), world.LosesAnswer(world.Hold), world.Fails(world.Put), world.LosesAnswer(world.Put),
		world.Fails(world.Send), world.Fails(world.Release),
	}
	rapid.Check(t, func(rt *rapid.T) {
		single, split := newFixture(t), newFixture(t)
		single.Catalog.Concerts[0].LimitPerBuyer = rapid.SampledFrom([]int{1, 2, 3, 8}).Draw(rt, "limit")
		split.Catalog.Concerts[0].LimitPerBuyer = single.Catalog.Concerts[0].LimitPerBuyer
		asked := bodies{}
		single.watch(rt, asked)
		split.watch(rt, asked)
		seats := []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4", "A-1-5"}
		var orders []message.PlaceOrder
		for i := range rapid.IntRange(1, 12).Draw(rt, "orders") {
			user := rapid.SampledFrom([]string{"ann", "ben", "cleo"}).Draw(rt, "user")
			m := single.by(user, rapid.SliceOfNDistinct(rapid.SampledFrom(seats), 1, 3, rapid.ID).Draw(rt, "seats")...)
			if i > 0 {
				earlier := orders[rapid.IntRange(0, i-1).Draw(rt, "of")]
				switch rapid.SampledFrom([]string{"new", "new", "new", "new", "same body", "other body"}).Draw(rt, "order") {
				case "same body":
					m = earlier
				case "other body":
					m.OrderID, m.UserID = earlier.OrderID, earlier.UserID
				}
			}
			if rapid.IntRange(0, 7).Draw(rt, "late") == 0 {
				m.Deadline = single.Instant() - 1
			}
			orders = append(orders, asked.add(m))
		}
		for _, m := range orders {
			if o := retry.Classify(single.handle(t, m)); o.Class == retry.ClassRetryable || o.Class == retry.ClassPoison {
				rt.Fatalf("one by one the outcome is %s %s: %v", o.Class, o.Reason, o.Err)
			}
		}
		for rest, tries := orders, 0; len(rest) > 0; tries++ {
			if tries > 200 {
				rt.Fatal("the batch is never done")
			}
			if rapid.IntRange(0, 2).Draw(rt, "fails") == 0 {
				split.injectOnce(rapid.SampledFrom(faults).Draw(rt, "fault"))
			}
			n := rapid.IntRange(1, min(10, len(rest))).Draw(rt, "batch")
			for _, err := range split.runOf(t, rest[:n]...) {
				if retry.Classify(err).Class == retry.ClassRetryable {
					break
				}
				rest = rest[1:]
			}
		}
		single.heldAsTheRowsSay(rt, orders)
		if got, want := split.story(t, orders), single.story(t, orders); got != want {
			rt.Fatalf("split:\n%s\none by one:\n%s", got, want)
		}
	})
}

// heldAsTheRowsSay checks that the seats of an open order are held for it.
func (w *fixture) heldAsTheRowsSay(t rapid.TB, orders []message.PlaceOrder) {
	t.Helper()
	state := w.Holds.Inspect(group)
	for _, m := range orders {
		row, _, _ := w.Rows.Read(context.Background(), m.OrderID)
		if !row.Status.Open() {
			continue
		}
		places, _, _ := layout()[0].Places(row.Seats)
		for _, p := range places {
			if state.Entries[p].Order != m.OrderID {
				t.Fatalf("order %s is %s with seats %v, place %d is %q's", m.OrderID, row.Status, row.Seats, p, state.Entries[p].Order)
			}
		}
	}
}

// story is the result of orders as their buyers see it, with the seats that are taken and counted in the end.
func (w *fixture) story(t *testing.T, orders []message.PlaceOrder) string {
	t.Helper()
	var lines []string
	for _, m := range orders {
		row := w.Row(t, m.OrderID)
		line := fmt.Sprintf("%s %s %s %v %s", row.OrderID, row.UserID, row.Status, row.Seats, row.RequestHash)
		if row.Reason != nil {
			// Without the seats: an order that is refused again after a lost answer names also those taken since.
			line += " " + string(row.Reason.Code)
		}
		lines = append(lines, line)
	}
	for _, user := range []string{"ann", "ben", "cleo"} {
		n, err := w.Rows.Allowance(t.Context(), group.ConcertID, user)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s has %d", user, n))
	}
	state := w.Holds.Inspect(group)
	for p := range 6 {
		lines = append(lines, fmt.Sprintf("%d %s", p, state.Entries[p].Order))
	}
	return strings.Join(lines, "\n")
}
