package reserve_test

import (
	"errors"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// awaiting is an order that holds a seat and awaits its payment.
func (w *fixture) awaiting(t *testing.T, seat string) message.PlaceOrder {
	t.Helper()
	m := w.placed(seat)
	world.WantDone(t, w.handle(t, m))
	row := w.Row(t, m.OrderID)
	awaiting, err := row.AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.Instant()})
	if err != nil {
		t.Fatal(err)
	}
	w.update(t, row, awaiting)
	w.ForgetSent()
	return m
}

// The buyer's money does not wait for Redis: an order that is cancelled, or whose seat was lost, ends, and its authorisation is
// voided, while its seats cannot be released. Mirror releases them.
func TestTheVoidDoesNotWaitForRedis(t *testing.T) {
	for name, ends := range map[string]struct {
		handle func(w *fixture, m message.PlaceOrder) error
		status contracts.Status
	}{
		"cancel": {func(w *fixture, m message.PlaceOrder) error { return w.cancel(t, m.OrderID) }, contracts.Cancelled},
		"settle": {func(w *fixture, m message.PlaceOrder) error {
			w.lose("A-1-1")
			return w.settle(t, m.OrderID, contracts.ReasonSeatLost)
		}, contracts.Rejected},
		"settle by an operator": {func(w *fixture, m message.PlaceOrder) error {
			return w.settle(t, m.OrderID, contracts.ReasonInternal)
		}, contracts.Rejected},
	} {
		for trouble, begin := range map[string]func(w *fixture){
			"no answer": func(w *fixture) { w.Inject(world.Fails(world.Release)) },
			"the breaker is open": func(w *fixture) {
				w.Inject(world.Fails(world.Release).With(&retry.BreakerOpenError{Name: "redis", After: time.Second}))
			},
			"not loaded, and another loader has the lock": func(w *fixture) {
				w.Holds.Wipe(group)
				if locked, err := w.Holds.Lock(t.Context(), group, 1000, time.Minute); !locked || err != nil {
					t.Fatal(locked, err)
				}
			},
		} {
			t.Run(name+", "+trouble, func(t *testing.T) {
				w := newFixture(t)
				m := w.awaiting(t, "A-1-1")
				begin(w)
				world.WantDone(t, ends.handle(w, m))
				w.WantRow(t, m.OrderID, ends.status, 3)
				w.WantSent(t, message.KindVoidPayment)
				// The message may be redelivered, during the outage or after it.
				w.Heal()
				world.WantDone(t, ends.handle(w, m))
				w.WantSent(t, message.KindVoidPayment, message.KindVoidPayment)
			})
		}
		t.Run(name+", poison", func(t *testing.T) {
			w := newFixture(t)
			m := w.awaiting(t, "A-1-1")
			w.Inject(world.Fails(world.Release).With(&retry.PoisonError{Reason: "invalid_hold"}))
			world.WantOutcome(t, ends.handle(w, m), retry.ClassPoison, "invalid_hold")
			w.WantSent(t, message.KindVoidPayment)
		})
		t.Run(name+", the void is not sent", func(t *testing.T) {
			w := newFixture(t)
			m := w.awaiting(t, "A-1-1")
			for _, release := range []error{nil, world.ErrDown, &retry.PoisonError{Reason: "invalid_hold"}} {
				w.Inject(world.Fails(world.Send))
				if release != nil {
					w.Inject(world.Fails(world.Release).With(release))
				}
				world.WantRetryable(t, ends.handle(w, m))
			}
		})
	}
}

// Only the steps after an order's end go on without Redis. Seats that a refused order holds are released before its message is
// done, and a hold that was not lost after all is made again.
func TestWhatWaitsForRedis(t *testing.T) {
	w := newFixture(t)
	w.Catalog.Concerts[0].LimitPerBuyer = 1
	w.Inject(world.Fails(world.Release))
	m := w.placed("A-1-1", "A-1-2")
	world.WantRetryable(t, w.handle(t, m))
	world.WantDone(t, w.handle(t, m))
	w.WantRow(t, m.OrderID, contracts.Rejected, 1)
	w.WantTaken(t, group)

	for _, down := range []error{world.ErrDown, retry.ErrBreakerOpen} {
		w = newFixture(t)
		m = w.awaiting(t, "A-1-1")
		w.Inject(world.Fails(world.Keep).With(down))
		world.WantRetryable(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost))
	}
	w = newFixture(t)
	m = w.awaiting(t, "A-1-1")
	w.Holds.Wipe(group)
	if locked, err := w.Holds.Lock(t.Context(), group, 1000, time.Minute); !locked || err != nil {
		t.Fatal(locked, err)
	}
	world.WantRetryable(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost))
	if err := w.Holds.Loaded(t.Context(), v1(group)); !errors.Is(err, holds.ErrNotLoaded) {
		t.Errorf("the group is loaded: %v", err)
	}
}
