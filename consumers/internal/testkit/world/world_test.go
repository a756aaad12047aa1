package world_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/commit"
	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Every port of every handler.
var (
	_ reserve.Orders         = world.Orders{}
	_ reserve.Tickets        = world.Orders{}
	_ commit.Orders          = world.Orders{}
	_ expire.Orders          = world.Orders{}
	_ mirror.Rows            = world.Orders{}
	_ pay.Orders             = world.Orders{}
	_ pay.Books              = world.Orders{}
	_ reconcile.Rows         = world.Orders{}
	_ seats.Truth            = world.Orders{}
	_ seats.Tokens           = world.Orders{}
	_ seats.Holds            = world.Groups{}
	_ seats.Loads            = world.Groups{}
	_ mirror.Seats           = world.Groups{}
	_ reconcile.Groups       = world.Groups{}
	_ reserve.Catalogue      = world.Catalogue{}
	_ seats.Catalogue        = world.Catalogue{}
	_ reconcile.Catalogue    = world.Catalogue{}
	_ reserve.Sender         = world.Sender{}
	_ reserve.DeadLetters    = world.DeadLetters{}
	_ reconcile.Letters      = world.DeadLetters{}
	_ pay.Notes              = world.Notes{}
	_ reconcile.LedgerCursor = world.Notes{}
	_ pay.Provider           = world.Provider{}
	_ reserve.Pace           = world.Pace{}
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// held is a World with one held order, whose next version is after.
func held(t *testing.T) (w *world.World, before, after order.Order) {
	t.Helper()
	w = world.New(1_000_500)
	before = ordertest.HeldOrder(ordertest.Placed(group, "A-1-1"))
	ordertest.Put(t, w.Rows, before)
	return w, before, before.NextAttempt(order.StepOpen)
}

// What each fault does to the call that it hits: whether it fails, whether it has an effect, and whether later calls fail.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		fault               world.Fault
		effect, landed, end bool
		err                 error
	}{
		{world.Fails(world.Update), false, false, false, world.ErrDown},
		{world.LosesAnswer(world.Update), true, true, false, world.ErrDown},
		{world.LandsLate(world.Update), false, true, false, world.ErrDown},
		{world.Crashes(world.Update), false, false, true, world.ErrCrashed},
		{world.CrashesAfter(world.Update), true, true, true, world.ErrCrashed},
		{world.Fails(world.Any).With(retry.ErrMoved), false, false, false, retry.ErrMoved},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			w, before, after := held(t)
			version := func(changed bool) int { return map[bool]int{false: 1, true: 2}[changed] }
			w.Inject(test.fault)
			if err := w.Orders().Update(t.Context(), before, after); !errors.Is(err, test.err) {
				t.Errorf("the call returns %v, want %v", err, test.err)
			}
			w.WantRow(t, before.OrderID, contracts.Held, version(test.effect))
			if _, _, err := w.Orders().Read(t.Context(), before.OrderID); errors.Is(err, world.ErrCrashed) != test.end {
				t.Errorf("the next call returns %v; want the process to have ended: %v", err, test.end)
			}
			w.Land()
			w.WantRow(t, before.OrderID, contracts.Held, version(test.landed))
			w.Restart()
			if _, found, err := w.Orders().Read(t.Context(), before.OrderID); !found || err != nil {
				t.Errorf("after it, a read returns %v, %v", found, err)
			}
			w.WantCalls(t, world.Update, world.Read, world.Read)
		})
	}
}

func TestAPanicHasNoEffect(t *testing.T) {
	w, before, after := held(t)
	w.Inject(world.Panics(world.Update))
	var panicked *retry.PanicError
	err := retry.Safely("update", func() error { return w.Orders().Update(t.Context(), before, after) })
	if !errors.As(err, &panicked) {
		t.Errorf("the call returns %v, want a panic", err)
	}
	w.WantRow(t, before.OrderID, contracts.Held, 1)
}

// Faults of the n-th call, of calls about one order, of every call until Heal.
func TestWhichCallAFaultHits(t *testing.T) {
	w, row, _ := held(t)
	failing := func(faults ...world.Fault) (failed []int) {
		t.Helper()
		w.Inject(faults...)
		for n := range 5 {
			id := row.OrderID
			if n == 2 {
				id = "another"
			}
			if _, _, err := w.Orders().Read(t.Context(), id); err != nil {
				failed = append(failed, n)
			}
		}
		w.Heal()
		return failed
	}
	for _, test := range []struct {
		name   string
		faults []world.Fault
		want   []int
	}{
		{"the next call", []world.Fault{world.Fails(world.Read)}, []int{0}},
		{"a call of another name", []world.Fault{world.Fails(world.Update)}, nil},
		{"the third call", []world.Fault{world.Fails(world.Read).Nth(3)}, []int{2}},
		{"the third call of any name", []world.Fault{world.Fails(world.Any).Nth(3)}, []int{2}},
		{"calls about another order", []world.Fault{world.Fails(world.Read).About("another")}, []int{2}},
		{"every call from the fourth", []world.Fault{world.Fails(world.Read).Nth(4).Always()}, []int{3, 4}},
		{"two faults, one a call", []world.Fault{world.Fails(world.Read), world.LosesAnswer(world.Read)}, []int{0, 1}},
		{"two faults of the same call", []world.Fault{world.Fails(world.Any).Nth(2), world.Fails(world.Read).Nth(2)}, []int{1, 2}},
	} {
		if got := failing(test.faults...); !slices.Equal(got, test.want) {
			t.Errorf("%s: the calls %v fail, want %v", test.name, got, test.want)
		}
	}
	w.Down(world.ErrDown, world.Read, world.Send)
	if removed := w.Heal(world.Read); len(removed) != 1 || len(w.Heal()) != 1 {
		t.Errorf("Heal removed %v", removed)
	}
}

// What others do meanwhile comes before the call that it is before, and once.
func TestHooks(t *testing.T) {
	w, before, after := held(t)
	var seen []string
	w.BeforeEach(func(c world.Call, about ...string) { seen = append(seen, fmt.Sprint(c, about)) })
	w.Meanwhile(world.Update, func() {
		if err := w.Rows.Update(t.Context(), before, after); err != nil {
			t.Fatal(err)
		}
	})
	for range 2 {
		if err := w.Orders().Update(t.Context(), before, after); !errors.Is(err, retry.ErrMoved) {
			t.Errorf("the update returns %v, want that the row has moved", err)
		}
	}
	if want := fmt.Sprintf("update[%s]", before.OrderID); !slices.Equal(seen, []string{want, want}) {
		t.Errorf("the hook saw %q, want twice %q", seen, want)
	}
}

// Of one buyer's orders none is put after one whose put failed; other buyers' are.
func TestPutAllStopsABuyerAtAFailure(t *testing.T) {
	w := world.New(1_000_500)
	rows := []order.Order{
		ordertest.HeldBy(group, "anna", 8, "A-1-1"), ordertest.HeldBy(group, "anna", 8, "A-1-2"), ordertest.HeldBy(group, "bert", 8, "A-1-3"),
	}
	w.Inject(world.LandsLate(world.Put))
	results := w.Orders().PutAll(t.Context(), rows)
	if results[0].Err == nil || results[1].Err == nil || results[2].Err != nil || w.Count(world.Put) != 2 {
		t.Errorf("the results are %v, after %v", results, w.Calls())
	}
	w.WantNoRow(t, rows[0].OrderID)
	w.Land()
	w.WantRow(t, rows[0].OrderID, contracts.Held, 1)
	w.WantNoRow(t, rows[1].OrderID)
	w.WantRow(t, rows[2].OrderID, contracts.Held, 1)
}

// A failed call to the provider has an unknown result, as pay demands of every Provider.
func TestAFailedCallToTheProviderIsUnknown(t *testing.T) {
	w := world.New(1_000_500)
	w.Inject(world.LosesAnswer(world.Create))
	_, err := w.Provider().Create(t.Context(), "key", pay.CreateParams{Amount: contracts.Money{Minor: 100, Currency: "EUR"}})
	var failed *pay.ProviderError
	if !errors.As(err, &failed) || failed.Failure != pay.FailureUnknown || len(w.Stripe.Effects()) != 1 {
		t.Errorf("the call returns %v, and %d effects; want an unknown result and one", err, len(w.Stripe.Effects()))
	}
}

func TestTheClockMovesOnlyWhenItIsMoved(t *testing.T) {
	w := world.New(1000)
	w.Advance(time.Second)
	if at := w.Instant(); at != 2000 {
		t.Errorf("the time is %d, want 2000", at)
	}
	w.SetTime(5000)
	if at := contracts.InstantOf(w.Now()); at != 5000 {
		t.Errorf("the time is %d, want 5000", at)
	}
}

func TestMeteredLeavesOutZeros(t *testing.T) {
	w := world.New(1000)
	for _, value := range []float64{0, 0.5} {
		w.Meter("test").Put(telemetry.InvariantsBroken, value)
		w.WantAlarm(t, value != 0)
	}
}

// recorder is a T that remembers what it was told.
type recorder struct{ told []string }

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.told = append(r.told, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...) }

// Each assertion passes when it holds and says what is wrong when not.
func TestAssertionsFail(t *testing.T) {
	w, row, _ := held(t)
	if err := w.Loader().Ensure(t.Context(), row.GroupVersion()); err != nil {
		t.Fatal(err)
	}
	w.Rows.PutTicket(group, "A-1-2", row.OrderID)
	encoded, err := message.Encode(message.OpenPayment{OrderID: row.OrderID, ConcertID: "nocturne", Group: "A", RowVersion: 1}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Sender().Send(t.Context(), encoded); err != nil {
		t.Fatal(err)
	}
	if err := w.DeadLetters().Copy(t.Context(), message.Delivery{MessageID: "m-1"}, "malformed"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ right, wrong func(world.T) }{
		"outcome": {
			func(t world.T) { world.WantOutcome(t, retry.Refused("no_row"), retry.ClassRefused, "no_row") },
			func(t world.T) { world.WantOutcome(t, retry.Refused("no_row"), retry.ClassRefused, "other") },
		},
		"done": {func(t world.T) { world.WantDone(t, nil) }, func(t world.T) { world.WantDone(t, world.ErrDown) }},
		"row": {
			func(t world.T) { w.WantRow(t, row.OrderID, contracts.Held, 1) },
			func(t world.T) { w.WantRow(t, row.OrderID, contracts.Held, 2) },
		},
		"reason": {
			func(t world.T) { w.WantReason(t, row.OrderID, "") },
			func(t world.T) { w.WantReason(t, row.OrderID, contracts.ReasonInternal) },
		},
		"no row": {func(t world.T) { w.WantNoRow(t, "none") }, func(t world.T) { w.WantNoRow(t, row.OrderID) }},
		"tickets": {
			func(t world.T) { w.WantTickets(t, group, row.OrderID, "A-1-2") },
			func(t world.T) { w.WantTickets(t, group, row.OrderID) },
		},
		"sent":   {func(t world.T) { w.WantSent(t, message.KindOpenPayment) }, func(t world.T) { w.WantSent(t) }},
		"buried": {func(t world.T) { w.WantBuried(t, "m-1 malformed") }, func(t world.T) { w.WantBuried(t) }},
		"calls": {
			func(t world.T) { w.WantCalls(t, world.Concert, world.LayoutGroup, world.Send, world.Copy) },
			func(t world.T) { w.WantCalls(t, world.Send) },
		},
		"alarm": {func(t world.T) { w.WantAlarm(t, false) }, func(t world.T) { w.WantAlarm(t, true) }},
		"places": {
			func(t world.T) { w.WantPlaces(t, group, world.HeldBy(row.OrderID), world.Free) },
			func(t world.T) { w.WantPlaces(t, group, world.SoldTo(row.OrderID)) },
		},
		"taken": {func(t world.T) { w.WantTaken(t, group, 0) }, func(t world.T) { w.WantTaken(t, group) }},
		"message": {
			func(t world.T) { world.SentMessage[message.OpenPayment](t, w, 0) },
			func(t world.T) { world.SentMessage[message.VoidPayment](t, w, 0) },
		},
	} {
		var right, wrong recorder
		test.right(&right)
		test.wrong(&wrong)
		if len(right.told) != 0 || len(wrong.told) != 1 || strings.Contains(wrong.told[0], "%!") {
			t.Errorf("%s: told %q where it holds and %q where not; want nothing and one line", name, right.told, wrong.told)
		}
	}
}
