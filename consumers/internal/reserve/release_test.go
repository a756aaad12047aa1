package reserve_test

import (
	"errors"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// awaiting is an order that holds a seat and awaits its payment.
func (w *world) awaiting(t *testing.T, seat string) message.PlaceOrder {
	t.Helper()
	m := w.placed(seat)
	want(t, w.handle(t, m), retry.ClassDone, "")
	row := w.row(t, m.OrderID)
	awaiting, err := row.AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rows.Update(t.Context(), row, awaiting); err != nil {
		t.Fatal(err)
	}
	w.sent = nil
	return m
}

// The buyer's money does not wait for Redis: an order that is cancelled, or whose seat was lost, ends, and its authorisation is
// voided, while its seats cannot be given back. Mirror gives them back.
func TestRedisHoldsUpNoVoid(t *testing.T) {
	for name, ends := range map[string]struct {
		handle func(w *world, m message.PlaceOrder) retry.Outcome
		status contracts.Status
	}{
		"cancel": {func(w *world, m message.PlaceOrder) retry.Outcome { return w.cancel(t, m.OrderID) }, contracts.Cancelled},
		"settle": {func(w *world, m message.PlaceOrder) retry.Outcome {
			w.lose("A-1-1")
			return w.settle(t, m.OrderID, contracts.ReasonSeatLost)
		}, contracts.Rejected},
		"settle by an operator": {func(w *world, m message.PlaceOrder) retry.Outcome {
			return w.settle(t, m.OrderID, contracts.ReasonInternal)
		}, contracts.Rejected},
	} {
		for trouble, begin := range map[string]func(w *world){
			"no answer": func(w *world) { w.fail["release"] = errors.New("broken connection") },
			"the breaker is open": func(w *world) {
				w.fail["release"] = &retry.BreakerOpenError{Name: "redis", After: time.Second}
			},
			"not loaded, and another loader has the lock": func(w *world) {
				w.holds.Wipe(group)
				if locked, err := w.holds.Lock(t.Context(), group, 1000, time.Minute); !locked || err != nil {
					t.Fatal(locked, err)
				}
			},
		} {
			t.Run(name+", "+trouble, func(t *testing.T) {
				w := newWorld(t)
				m := w.awaiting(t, "A-1-1")
				begin(w)
				want(t, ends.handle(w, m), retry.ClassDone, "")
				if row := w.row(t, m.OrderID); row.Status != ends.status || w.kinds() != "VoidPayment" {
					t.Errorf("row %s, sent %s", row.Status, w.kinds())
				}
				delete(w.fail, "release")
				// The message may come again, during the outage or after it.
				want(t, ends.handle(w, m), retry.ClassDone, "")
				if w.kinds() != "VoidPayment VoidPayment" {
					t.Errorf("sent %s", w.kinds())
				}
			})
		}
		t.Run(name+", poison", func(t *testing.T) {
			w := newWorld(t)
			m := w.awaiting(t, "A-1-1")
			w.fail["release"] = &retry.PoisonError{Reason: "invalid_hold"}
			want(t, ends.handle(w, m), retry.ClassPoison, "invalid_hold")
			if w.kinds() != "VoidPayment" {
				t.Errorf("sent %s", w.kinds())
			}
		})
		t.Run(name+", the void is not sent", func(t *testing.T) {
			w := newWorld(t)
			m := w.awaiting(t, "A-1-1")
			for _, release := range []error{nil, errors.New("broken connection"), &retry.PoisonError{Reason: "invalid_hold"}} {
				w.fail["send"] = errors.New("broken connection")
				if release != nil {
					w.fail["release"] = release
				}
				want(t, ends.handle(w, m), retry.ClassRetryable, "")
			}
		})
	}
}

// Only what follows an end goes on without Redis. Seats that a refused order holds are given back before its message is done
// with, and a hold that was not lost after all is made again.
func TestWhatWaitsForRedis(t *testing.T) {
	w := newWorld(t)
	w.limit = 1
	w.fail["release"] = errors.New("broken connection")
	m := w.placed("A-1-1", "A-1-2")
	want(t, w.handle(t, m), retry.ClassRetryable, "")
	want(t, w.handle(t, m), retry.ClassDone, "")
	if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || len(w.taken()) != 0 {
		t.Errorf("row %s, places %v", row.Status, w.taken())
	}

	for _, down := range []error{errors.New("broken connection"), retry.ErrBreakerOpen} {
		w = newWorld(t)
		m = w.awaiting(t, "A-1-1")
		w.fail["keep"] = down
		want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRetryable, "")
	}
	w = newWorld(t)
	m = w.awaiting(t, "A-1-1")
	w.holds.Wipe(group)
	if locked, err := w.holds.Lock(t.Context(), group, 1000, time.Minute); !locked || err != nil {
		t.Fatal(locked, err)
	}
	want(t, w.settle(t, m.OrderID, contracts.ReasonSeatLost), retry.ClassRetryable, "")
	if err := w.holds.Loaded(t.Context(), v1(group)); !errors.Is(err, holds.ErrNotLoaded) {
		t.Errorf("the group is loaded: %v", err)
	}
}
