package reserve_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// runOf hands consecutive orders to one call, as sqsbatch does: what follows the first that is not acknowledged comes
// again. It answers the outcomes that count.
func (w *world) runOf(t *testing.T, orders ...message.PlaceOrder) []retry.Outcome {
	t.Helper()
	var run []reserve.Placing
	for i, m := range orders {
		run = append(run, reserve.Placing{Message: m, Delivery: message.Delivery{
			MessageID: fmt.Sprint("m-", i), SequenceNumber: fmt.Sprint(i), SentAt: w.now, Attributes: message.Attributes{Trace: fmt.Sprint("trace-", i)},
		}})
	}
	errs := w.place().HandleRun(t.Context(), run)
	if len(errs) != len(orders) {
		t.Fatalf("%d results of %d orders", len(errs), len(orders))
	}
	var outcomes []retry.Outcome
	for _, err := range errs {
		outcomes = append(outcomes, retry.Classify(err))
	}
	return outcomes
}

func (w *world) by(user string, seats ...string) message.PlaceOrder {
	m := w.placed(seats...)
	m.UserID = user
	return m
}

// A run that shares nothing is one script call and one put an order, with one send for all of them.
func TestARunIsOneCall(t *testing.T) {
	w := newWorld(t)
	want(t, w.handle(t, w.placed("A-1-6")), retry.ClassDone, "") // loads the group
	w.scripts, w.puts, w.sent, w.sends = 0, 0, nil, 0
	for _, o := range w.runOf(t, w.placed("A-1-1"), w.placed("A-1-2", "A-1-3"), w.placed("A-1-6"), w.placed("A-1-4")) {
		if o.Class == retry.ClassRetryable {
			t.Errorf("outcome %+v", o)
		}
	}
	if w.scripts != 1 || w.puts != 4 || w.sends != 1 || len(w.sent) != 6 {
		t.Errorf("%d script calls, %d puts, %d sends of %d messages; want 1, 4, 1 of 6", w.scripts, w.puts, w.sends, len(w.sent))
	}
}

// Each order of a run has a trace of its own, which goes along what is sent for it.
func TestTracesGoAlong(t *testing.T) {
	w := newWorld(t)
	w.fill(t, "A", "A-1-2", "A-1-4", "A-1-6")
	w.runOf(t, w.placed("A-1-1"), w.best("A", 2), w.placed("A-1-3"))
	var got []string
	for _, sent := range w.sent {
		got = append(got, string(sent.Attributes.Kind)+" "+sent.Attributes.Trace)
	}
	if want := []string{"OpenPayment trace-0", "ExpireHold trace-0", "PlaceOrder trace-1", "OpenPayment trace-2", "ExpireHold trace-2"}; !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
}

// Rejected orders of a run cost one script call for all and one put each: the call in which they were waited for is
// the second and last.
func TestARunForOneSeat(t *testing.T) {
	w := newWorld(t)
	want(t, w.handle(t, w.placed("A-1-6")), retry.ClassDone, "")
	w.scripts, w.puts = 0, 0
	var orders []message.PlaceOrder
	for range 10 {
		orders = append(orders, w.placed("A-1-1"))
	}
	outcomes := w.runOf(t, orders...)
	want(t, outcomes[0], retry.ClassDone, "")
	for _, o := range outcomes[1:] {
		want(t, o, retry.ClassRefused, "seat_taken")
	}
	if w.scripts != 2 || w.puts != 10 {
		t.Errorf("%d script calls and %d puts, want 2 and 10", w.scripts, w.puts)
	}
}

func TestTheLimitOfABuyer(t *testing.T) {
	w := newWorld(t)
	w.limit = 2
	first, second, third := w.by("ann", "A-1-1", "A-1-2"), w.by("ann", "A-1-3"), w.by("ben", "A-1-3")
	outcomes := w.runOf(t, first, second, third)
	want(t, outcomes[0], retry.ClassDone, "")
	want(t, outcomes[1], retry.ClassRefused, "limit_reached")
	want(t, outcomes[2], retry.ClassDone, "")
	if row := w.row(t, second.OrderID); row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonLimitReached || row.Counted != 0 {
		t.Errorf("row %+v", row)
	}
	if n, _ := w.rows.Allowance(t.Context(), group.ConcertID, "ann"); n != 2 {
		t.Errorf("%d seats are counted", n)
	}
	if !slices.Equal(w.taken(), []int{0, 1, 2}) {
		t.Errorf("places %v", w.taken())
	}
}

// A concert of which no limit is stored has the default one, of 8 here, and what was held under which limit is in the row.
func TestTheDefaultLimitOfABuyer(t *testing.T) {
	w := newWorld(t)
	elsewhere := contracts.SeatGroup{ConcertID: group.ConcertID, Group: "B"}
	w.rows.PutAll(t.Context(), []order.Order{ordertest.HeldBy(elsewhere, "ann", 8, "B-1", "B-2", "B-3", "B-4", "B-5", "B-6")})
	first, second, third := w.by("ann", "A-1-1", "A-1-2", "A-1-3"), w.by("ann", "A-1-1", "A-1-2"), w.by("ann", "A-1-3")
	outcomes := w.runOf(t, first, second, third)
	want(t, outcomes[0], retry.ClassRefused, "limit_reached")
	want(t, outcomes[1], retry.ClassDone, "")
	want(t, outcomes[2], retry.ClassRefused, "limit_reached")
	if row := w.row(t, second.OrderID); row.Counted != 2 || row.BuyerLimit != 8 {
		t.Errorf("row %+v", row)
	}
}

// A limit may be set, lowered and raised while buyers have seats: what they have counts from the first seat on, a lower limit takes
// nothing away, and each row says which limit it was held under.
func TestALimitThatChanges(t *testing.T) {
	w := newWorld(t)
	buy := func(limit int, code string, seats ...string) message.PlaceOrder {
		t.Helper()
		w.limit = limit
		m := w.by("ann", seats...)
		class := retry.ClassDone
		if code != "" {
			class = retry.ClassRefused
		}
		want(t, w.handle(t, m), class, code)
		return m
	}
	first := buy(0, "", "A-1-1", "A-1-2", "A-1-3") // under the default
	buy(3, "limit_reached", "A-1-4")
	buy(2, "limit_reached", "A-1-4")
	second := buy(4, "", "A-1-4")
	buy(4, "limit_reached", "A-1-5")
	third := buy(8, "", "A-1-5")
	for m, limit := range map[contracts.OrderID]int{first.OrderID: 8, second.OrderID: 4, third.OrderID: 8} {
		if row := w.row(t, m); row.Status != contracts.Held || row.BuyerLimit != limit || row.Counted != len(row.Seats) {
			t.Errorf("%v: %s under a limit of %d, counting %d; want HELD under %d", row.Seats, row.Status, row.BuyerLimit, row.Counted, limit)
		}
	}
	if n, err := w.rows.Allowance(t.Context(), group.ConcertID, "ann"); n != 5 || err != nil {
		t.Errorf("%d seats are counted, %v", n, err)
	}
}

// A row that is not known stops its own order and every later one: what they got may depend on it.
func TestAnUnknownPutStopsTheRunThere(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.placed("A-1-1"), w.placed("A-1-2"), w.placed("A-1-1")
	w.fail["put"] = errors.New("broken connection")
	outcomes := w.runOf(t, a, b, c)
	want(t, outcomes[0], retry.ClassRetryable, "")
	want(t, outcomes[2], retry.ClassRetryable, "")
	if _, found, _ := w.rows.Read(t.Context(), c.OrderID); found {
		t.Error("an order was refused for a seat whose holder has no row")
	}
	for i, o := range w.runOf(t, a, b, c) {
		want(t, o, []retry.Class{retry.ClassDone, retry.ClassDone, retry.ClassRefused}[i], []string{"", "", "seat_taken"}[i])
	}
}

// Any split into runs, with limits that refuse some, orders that come twice, also with another body, and calls that fail
// in between, gives each order the row that it would have one by one: of two bodies that of the first.
func TestAnySplitGivesTheResultOfOneByOne(t *testing.T) {
	failures := []string{"hold", "hold reply", "put", "put reply", "send", "release"}
	rapid.Check(t, func(rt *rapid.T) {
		single, split := newWorld(t), newWorld(t)
		single.limit = rapid.SampledFrom([]int{1, 2, 3, 8}).Draw(rt, "limit")
		split.limit = single.limit
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
				m.Deadline = single.now - 1
			}
			orders = append(orders, asked.add(m))
		}
		for _, m := range orders {
			if o := single.handle(t, m); o.Class == retry.ClassRetryable || o.Class == retry.ClassPoison {
				rt.Fatalf("one by one: %+v", o)
			}
		}
		for rest, tries := orders, 0; len(rest) > 0; tries++ {
			if tries > 200 {
				rt.Fatal("the batch is never done")
			}
			if rapid.IntRange(0, 2).Draw(rt, "fails") == 0 {
				split.fail[rapid.SampledFrom(failures).Draw(rt, "call")] = errors.New("broken connection")
			}
			n := rapid.IntRange(1, min(10, len(rest))).Draw(rt, "batch")
			for _, o := range split.runOf(t, rest[:n]...) {
				if o.Class == retry.ClassRetryable {
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
func (w *world) heldAsTheRowsSay(t rapid.TB, orders []message.PlaceOrder) {
	t.Helper()
	state := w.holds.Inspect(group)
	for _, m := range orders {
		row, _, _ := w.rows.Read(context.Background(), m.OrderID)
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

// story is what became of orders, as their buyers see it, with the seats that are taken and counted in the end.
func (w *world) story(t *testing.T, orders []message.PlaceOrder) string {
	t.Helper()
	var lines []string
	for _, m := range orders {
		row := w.row(t, m.OrderID)
		line := fmt.Sprintf("%s %s %s %v %s", row.OrderID, row.UserID, row.Status, row.Seats, row.RequestHash)
		if row.Reason != nil {
			// Not the seats: who is refused again after a lost answer is told of those taken since as well.
			line += " " + string(row.Reason.Code)
		}
		lines = append(lines, line)
	}
	for _, user := range []string{"ann", "ben", "cleo"} {
		n, err := w.rows.Allowance(t.Context(), group.ConcertID, user)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s has %d", user, n))
	}
	state := w.holds.Inspect(group)
	for p := range 6 {
		lines = append(lines, fmt.Sprintf("%d %s", p, state.Entries[p].Order))
	}
	return strings.Join(lines, "\n")
}
