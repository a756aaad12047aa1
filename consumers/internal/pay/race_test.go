package pay_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Whatever buyer, bank and operator do to a committed order's PaymentIntent between any two calls, and whichever calls fail:
// the order is CONFIRMED with its money and its tickets, or REVOKED without either and with a PaymentIntent that can never be
// captured.
func TestACommittedOrderEndsWithMoneyAndTicketsOrNeither(t *testing.T) {
	ends := map[contracts.Status]int{}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		c := w.committed()
		elsewhere := 0
		world := map[string]func(){
			"confirms":  func() { _ = w.provider.Confirm(c, mempay.CardGood) },
			"is asked":  func() { _ = w.provider.Confirm(c, mempay.CardAsks) },
			"declines":  func() { _ = w.provider.Confirm(c, mempay.CardDeclined) },
			"loses":     func() { _ = w.provider.Lose(c.ID) },
			"cancelled": func() { elsewhere++; _, _ = w.provider.Cancel(t.Context(), "c"+strings.Repeat("x", elsewhere), c.ID) },
			// Between two calls, as one: a payment that nobody here asked for.
			"pays": func() {
				elsewhere++
				_ = w.provider.Confirm(c, mempay.CardGood)
				_, _ = w.provider.Capture(t.Context(), "c"+strings.Repeat("x", elsewhere), c.ID)
			},
			"moves": func() {
				if w.row().Status == contracts.Committed {
					w.become(func(o order.Order, _ order.Cause) (order.Order, error) { return o.NextAttempt(order.StepOpen), nil })
				}
			},
			"captured":  func() { elsewhere++; _, _ = w.provider.Capture(t.Context(), "c"+strings.Repeat("x", elsewhere), c.ID) },
			"limited":   func() { w.provider.Fail(w.id, mempay.CallCapture, mempay.Limited) },
			"broken":    func() { w.provider.Fail(w.id, mempay.CallCapture, mempay.Broken) },
			"hidden":    func() { w.provider.Fail(w.id, mempay.CallCapture, mempay.BrokenAfter) },
			"lost":      func() { w.provider.Fail(w.id, mempay.CallCapture, mempay.Lost) },
			"no cancel": func() { w.provider.Fail(w.id, mempay.CallCancel, mempay.Broken) },
			"no look":   func() { w.provider.Fail(w.id, mempay.CallRetrieve, mempay.Lost) },
		}
		names := []string{"confirms", "is asked", "declines", "loses", "loses", "cancelled", "captured", "pays", "moves", "limited", "broken", "hidden", "lost", "no cancel", "no look"}
		// What is done before each of the first calls; afterwards the world is quiet.
		script := rapid.SliceOfN(rapid.SampledFrom(append(names, "nothing", "nothing")), 0, 10).Draw(r, "script")
		w.before = func(string) {
			if len(script) > 0 {
				if do := world[script[0]]; do != nil {
					do()
				}
				script = script[1:]
			}
		}
		w.failAt, w.after = rapid.IntRange(0, 8).Draw(r, "failAt"), rapid.Bool().Draw(r, "after")
		var last retry.Outcome
		for range 40 {
			if last = w.handle(w.capture()); last.Class != retry.ClassRetryable {
				break
			}
		}
		if last.Class != retry.ClassDone {
			r.Fatalf("ended %+v after %q", last, w.calls)
		}
		row := w.row()
		seen, err := w.provider.Retrieve(t.Context(), c.ID)
		for range tries {
			// What is left of the failed looks.
			if err != nil {
				seen, err = w.provider.Retrieve(t.Context(), c.ID)
			}
		}
		if err != nil {
			r.Fatal(err)
		}
		tickets, err := w.rows.Tickets(t.Context(), group)
		if err != nil {
			r.Fatal(err)
		}
		captured := strings.Count(w.effects(), "captured")
		switch row.Status {
		case contracts.Confirmed:
			if captured != 1 || seen.AmountReceived != row.Amount.Minor || len(tickets) != 2 {
				r.Fatalf("CONFIRMED with %s, tickets %v", w.effects(), tickets)
			}
		case contracts.Revoked:
			if captured != 0 || seen.Status != "canceled" || len(tickets) != 0 {
				r.Fatalf("REVOKED with a PaymentIntent that is %s, %s, tickets %v", seen.Status, w.effects(), tickets)
			}
		default:
			r.Fatalf("the order is %s", row.Status)
		}
		ends[row.Status]++
	})
	if ends[contracts.Confirmed] == 0 || ends[contracts.Revoked] == 0 {
		t.Errorf("only these ends were seen: %v", ends)
	}
}

// A payment that comes between the look and the cancel counts, whoever took it.
func TestAPaymentThatIsQuickerThanTheEnd(t *testing.T) {
	w := newWorld(t)
	c := w.committed()
	if err := w.provider.Lose(c.ID); err != nil {
		t.Fatal(err)
	}
	w.before = func(call string) {
		if strings.HasPrefix(call, "cancel") {
			w.before = nil
			w.confirm(c, mempay.CardGood)
			if _, err := w.provider.Capture(t.Context(), "elsewhere", c.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.done(w.capture())
	w.is(contracts.Confirmed)
	w.happened("created authorized expired authorized captured")
}

// An order that ends while its PaymentIntent is made leaves none that could be paid; one that is paid meanwhile keeps it.
func TestARowThatMovesWhileItsPaymentIsOpened(t *testing.T) {
	moves := func(w *world, to func()) {
		w.before = func(call string) {
			if call == "update" && to != nil {
				do := to
				to = nil
				do()
			}
		}
	}
	t.Run("it ends", func(t *testing.T) {
		w := newWorld(t)
		moves(w, w.cancelOrder)
		w.done(w.open())
		w.is(contracts.Cancelled)
		w.happened("created canceled")
	})
	t.Run("it ends, and the cancel fails", func(t *testing.T) {
		w := newWorld(t)
		moves(w, w.cancelOrder)
		w.provider.Fail(w.id, mempay.CallCancel, mempay.Lost)
		w.done(w.open())
		if w.log.Len() == 0 {
			t.Error("nothing is told of it")
		}
	})
	t.Run("another is as far", func(t *testing.T) {
		w := newWorld(t)
		moves(w, func() {
			w.become(func(o order.Order, c order.Cause) (order.Order, error) { return o.AwaitPayment("pi_1", "secret", c) })
		})
		w.done(w.open())
		if row := w.is(contracts.AwaitingPayment); row.Version != 2 {
			t.Errorf("version %d", row.Version)
		}
		w.happened("created")
	})
	t.Run("it ends between its read and the capture's update", func(t *testing.T) {
		w := newWorld(t)
		w.committed()
		// Another consumer of the same message is quicker.
		moves(w, func() { w.become(order.Order.Confirm) })
		w.done(w.capture())
		w.happened("created authorized captured")
	})
}

// A row whose version moves at every try sends the message back.
func TestARowThatKeepsMoving(t *testing.T) {
	w := newWorld(t)
	w.committed()
	w.before = func(call string) {
		if call == "update" {
			w.become(func(o order.Order, _ order.Cause) (order.Order, error) { return o.NextAttempt(order.StepVoid), nil })
		}
	}
	if o := w.handle(w.capture()); o.Class != retry.ClassRetryable {
		t.Errorf("got %+v", o)
	}
	w.before = nil
	w.done(w.capture())
	w.happened("created authorized captured")
}

// A second authorisation, of a PaymentIntent that the row does not name, is given back with the row's own.
func TestAVoidTakesBothPaymentIntents(t *testing.T) {
	w := newWorld(t)
	own, other := w.authorized(), w.foreign("other")
	w.confirm(other, mempay.CardGood)
	w.cancelOrder()
	m := w.void()
	m.PaymentIntentID = other.ID
	w.done(m)
	for _, id := range []string{own.ID, other.ID} {
		if i, err := w.provider.Retrieve(t.Context(), id); err != nil || i.Status != "canceled" {
			t.Errorf("%s is %s, %v", id, i.Status, err)
		}
	}
	m.PaymentIntentID = own.ID
	w.calls = nil
	w.done(m)
	if got := strings.Count(w.asked(), "cancel"); got != 1 {
		t.Errorf("the row's own was cancelled %d times: %s", got, w.asked())
	}
}

// What a check finds goes on as if the webhook had brought it, whatever caused the check.
func TestACheckSendsTheAuthorizationOn(t *testing.T) {
	cause := strings.Repeat("e", 48)
	w := newWorld(t)
	c := w.awaiting()
	w.done(w.check(cause))
	if len(w.sent) != 0 {
		t.Fatalf("sent %v before the card", w.sent)
	}
	w.confirm(c, mempay.CardGood)
	w.done(w.check(cause))
	m, err := message.Decode(w.sent[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	want := message.PaymentAuthorized{
		OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, EventID: cause, PaymentIntentID: c.ID, Amount: *w.row().Amount, Mode: message.ModeTest,
	}
	if m != want {
		t.Errorf("sent %+v, want %+v", m, want)
	}
}
