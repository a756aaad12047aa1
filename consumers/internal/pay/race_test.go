package pay_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Whatever buyer, bank and operator do to a committed order's PaymentIntent between any two calls, and whichever calls fail:
// the order is CONFIRMED with its money and its tickets, or REVOKED without either and with a PaymentIntent that can never be
// captured.
func TestACommittedOrderEndsWithMoneyAndTicketsOrNeither(t *testing.T) {
	ends := map[contracts.Status]int{}
	rapid.Check(t, func(r *rapid.T) {
		w := newFixture(t)
		c := w.committed()
		elsewhere := 0
		doings := map[string]func(){
			"confirms":  func() { _ = w.Stripe.Confirm(c, mempay.CardGood) },
			"is asked":  func() { _ = w.Stripe.Confirm(c, mempay.CardAsks) },
			"declines":  func() { _ = w.Stripe.Confirm(c, mempay.CardDeclined) },
			"loses":     func() { _ = w.Stripe.Lose(c.ID) },
			"cancelled": func() { elsewhere++; _, _ = w.Stripe.Cancel(t.Context(), "c"+strings.Repeat("x", elsewhere), c.ID) },
			// A payment between two calls that Pay did not ask for.
			"pays": func() {
				elsewhere++
				_ = w.Stripe.Confirm(c, mempay.CardGood)
				_, _ = w.Stripe.Capture(t.Context(), "c"+strings.Repeat("x", elsewhere), c.ID)
			},
			"moves": func() {
				if w.row().Status == contracts.Committed {
					w.become(func(o order.Order, _ order.Cause) (order.Order, error) { return o.NextAttempt(order.StepOpen), nil })
				}
			},
			"captured":    func() { elsewhere++; _, _ = w.Stripe.Capture(t.Context(), "c"+strings.Repeat("x", elsewhere), c.ID) },
			"limited":     func() { w.Stripe.Fail(w.id, mempay.CallCapture, mempay.Limited) },
			"broken":      func() { w.Stripe.Fail(w.id, mempay.CallCapture, mempay.Broken) },
			"hidden":      func() { w.Stripe.Fail(w.id, mempay.CallCapture, mempay.BrokenAfter) },
			"lost":        func() { w.Stripe.Fail(w.id, mempay.CallCapture, mempay.Lost) },
			"no cancel":   func() { w.Stripe.Fail(w.id, mempay.CallCancel, mempay.Broken) },
			"no retrieve": func() { w.Stripe.Fail(w.id, mempay.CallRetrieve, mempay.Lost) },
		}
		names := []string{
			"confirms", "is asked", "declines", "loses", "loses", "cancelled", "captured", "pays", "moves", "limited", "broken", "hidden",
			"lost", "no cancel", "no retrieve",
		}
		// One entry is done before each of the first calls, and nothing before later ones.
		script := rapid.SliceOfN(rapid.SampledFrom(append(names, "nothing", "nothing")), 0, 10).Draw(r, "script")
		w.BeforeEach(func(world.Call, ...string) {
			if len(script) > 0 {
				if do := doings[script[0]]; do != nil {
					do()
				}
				script = script[1:]
			}
		})
		w.injectDrawn(r, 8)
		var last retry.Outcome
		for range 40 {
			if last = retry.Classify(w.handle(w.capture())); last.Class != retry.ClassRetryable {
				break
			}
		}
		if last.Class != retry.ClassDone {
			r.Fatalf("the outcome is %s %s (%v) after %q", last.Class, last.Reason, last.Err, w.Calls())
		}
		row := w.row()
		seen, err := w.Stripe.Retrieve(t.Context(), c.ID)
		for range tries {
			// Faults of retrieves that were not met yet.
			if err != nil {
				seen, err = w.Stripe.Retrieve(t.Context(), c.ID)
			}
		}
		if err != nil {
			r.Fatal(err)
		}
		tickets, err := w.Rows.Tickets(t.Context(), group)
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

// A payment between the retrieve and the cancel counts, wherever it was captured.
func TestAPaymentBeforeTheCancelCounts(t *testing.T) {
	w := newFixture(t)
	c := w.committed()
	if err := w.Stripe.Lose(c.ID); err != nil {
		t.Fatal(err)
	}
	w.Meanwhile(world.Cancel, func() {
		w.confirm(c, mempay.CardGood)
		if _, err := w.Stripe.Capture(t.Context(), "elsewhere", c.ID); err != nil {
			t.Fatal(err)
		}
	})
	w.done(w.capture())
	w.is(contracts.Confirmed)
	w.happened("created authorized expired authorized captured")
}

// An order that ends while its PaymentIntent is made leaves none that could be paid; one that goes on meanwhile keeps it.
func TestARowThatMovesWhileItsPaymentIsOpened(t *testing.T) {
	moves := func(w *fixture, to func()) { w.Meanwhile(world.Update, to) }
	t.Run("it ends", func(t *testing.T) {
		w := newFixture(t)
		moves(w, w.cancelOrder)
		w.done(w.open())
		w.is(contracts.Cancelled)
		w.happened("created canceled")
	})
	t.Run("it ends, and the cancel fails", func(t *testing.T) {
		w := newFixture(t)
		moves(w, w.cancelOrder)
		w.Stripe.Fail(w.id, mempay.CallCancel, mempay.Lost)
		w.done(w.open())
		if w.Logs.String() == "" {
			t.Error("the log has no line about it")
		}
	})
	t.Run("another is as far", func(t *testing.T) {
		w := newFixture(t)
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
		w := newFixture(t)
		w.committed()
		// Another consumer of the same message is quicker.
		moves(w, func() { w.become(order.Order.Confirm) })
		w.done(w.capture())
		w.happened("created authorized captured")
	})
}

// A message whose row moves at every try is redelivered.
func TestAMessageWhoseRowKeepsMovingIsRedelivered(t *testing.T) {
	w := newFixture(t)
	w.committed()
	w.BeforeEach(func(c world.Call, _ ...string) {
		if c == world.Update {
			w.become(func(o order.Order, _ order.Cause) (order.Order, error) { return o.NextAttempt(order.StepVoid), nil })
		}
	})
	world.WantRetryable(t, w.handle(w.capture()))
	w.BeforeEach(nil)
	w.done(w.capture())
	w.happened("created authorized captured")
}

// A second authorisation, of a PaymentIntent that the row does not name, is cancelled with the row's own.
func TestAVoidTakesBothPaymentIntents(t *testing.T) {
	w := newFixture(t)
	own, other := w.authorized(), w.foreign("other")
	w.confirm(other, mempay.CardGood)
	w.cancelOrder()
	m := w.void()
	m.PaymentIntentID = other.ID
	w.done(m)
	for _, id := range []string{own.ID, other.ID} {
		if i, err := w.Stripe.Retrieve(t.Context(), id); err != nil || i.Status != "canceled" {
			t.Errorf("%s is %s, %v", id, i.Status, err)
		}
	}
	m.PaymentIntentID = own.ID
	w.ForgetCalls()
	w.done(m)
	if got := strings.Count(w.asked(), "cancel"); got != 1 {
		t.Errorf("the row's own was cancelled %d times: %s", got, w.asked())
	}
}

// An authorisation that a check finds is sent on as the webhook sends it, whatever caused the check.
func TestACheckSendsTheAuthorizationOn(t *testing.T) {
	cause := strings.Repeat("e", 48)
	w := newFixture(t)
	c := w.awaiting()
	w.done(w.check(cause))
	w.WantSent(t) // before the card
	w.confirm(c, mempay.CardGood)
	w.done(w.check(cause))
	want := message.PaymentAuthorized{
		OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, EventID: cause, PaymentIntentID: c.ID, Amount: *w.row().Amount,
		Mode: message.ModeTest,
	}
	if m := world.SentMessage[message.PaymentAuthorized](t, w.World, 0); m != want {
		t.Errorf("sent %v, want %v", m, want)
	}
}
