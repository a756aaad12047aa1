package pay_test

import (
	"fmt"
	"testing"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// story is the calls that an order's messages make, and how the order has to end.
type story struct {
	// prepare is done without faults.
	prepare func(*fixture)
	of      func(*fixture) message.Message
	status  contracts.Status
	effects string
	sold    bool
}

var stories = map[string]story{
	"opened":  {func(*fixture) {}, func(w *fixture) message.Message { return w.open() }, contracts.AwaitingPayment, "created", false},
	"paid":    {func(w *fixture) { w.committed() }, func(w *fixture) message.Message { return w.capture() }, contracts.Confirmed, "created authorized captured", true},
	"checked": {func(w *fixture) { w.committed() }, func(w *fixture) message.Message { return w.check("r1") }, contracts.Confirmed, "created authorized captured", true},
	"voided": {func(w *fixture) { w.authorized(); w.cancelOrder() }, func(w *fixture) message.Message { return w.void() },
		contracts.Cancelled, "created authorized canceled", false},
	"revoked": {func(w *fixture) {
		c := w.committed()
		if _, err := w.Stripe.Cancel(w.t.Context(), "elsewhere", c.ID); err != nil {
			w.t.Fatal(err)
		}
	}, func(w *fixture) message.Message { return w.capture() }, contracts.Revoked, "created authorized canceled", false},
	"lost": {func(w *fixture) {
		if err := w.Stripe.Lose(w.committed().ID); err != nil {
			w.t.Fatal(err)
		}
	}, func(w *fixture) message.Message { return w.capture() }, contracts.Revoked, "created authorized expired canceled", false},
	"asked by the bank": {func(w *fixture) {
		c := w.committed()
		if err := w.Stripe.Lose(c.ID); err != nil {
			w.t.Fatal(err)
		}
		w.confirm(c, mempay.CardAsks)
	}, func(w *fixture) message.Message { return w.capture() }, contracts.Revoked, "created authorized expired canceled", false},
	"sent on": {func(w *fixture) { w.authorized() }, func(w *fixture) message.Message { return w.check("r1") },
		contracts.AwaitingPayment, "created authorized", false},
}

// ended wants the end of a story.
func (s story) ended(t *testing.T, w *fixture) {
	t.Helper()
	w.is(s.status)
	w.happened(s.effects)
	tickets, err := w.Rows.Tickets(t.Context(), group)
	if err != nil || (len(tickets) == 2) != s.sold {
		t.Errorf("tickets %v, %v", tickets, err)
	}
	if card := w.row().Payment.Card; (card != nil) != (s.status == contracts.Confirmed) || card != nil && *card != (readmodel.Card{Brand: "visa", Last4: "4242"}) {
		t.Errorf("the row has the card %+v", card)
	}
	if id := w.row().Payment.IntentID; s.status == contracts.AwaitingPayment && id != "pi_1" {
		t.Errorf("the row has the PaymentIntent %s, want pi_1", id)
	}
}

// A message whose handler fails or crashes at any call, with the call's effect or without it, is redelivered and ends the same:
// nothing is kept between two attempts.
func TestACrashAfterAnyCallEndsTheSame(t *testing.T) {
	for name, s := range stories {
		plain := newFixture(t)
		s.prepare(plain)
		plain.ForgetCalls()
		plain.done(s.of(plain))
		s.ended(t, plain)
		calls := plain.Calls()
		if len(calls) < 2 {
			t.Fatalf("%s made the calls %q", name, calls)
		}
		for n, c := range calls {
			for _, fault := range []world.Fault{
				world.Fails(world.Any), world.LosesAnswer(world.Any), world.Crashes(world.Any), world.CrashesAfter(world.Any),
			} {
				t.Run(fmt.Sprintf("%s, %s, which is %s", name, fault.Nth(n+1), c), func(t *testing.T) {
					w := newFixture(t)
					s.prepare(w)
					w.Inject(fault.Nth(n + 1))
					w.done(s.of(w))
					s.ended(t, w)
				})
			}
		}
	}
}

// A 5xx is repeated under its key for ever. Only a retrieve that shows no effect leads to another key; an effect behind the 5xx is
// found by it.
func TestAFailureThatIsRepeated(t *testing.T) {
	for _, c := range []struct {
		story string
		call  mempay.Call
		kind  mempay.Fault
		want  string
	}{
		// The client secret of a PaymentIntent that such a create left behind was never shown, so that nothing is retrieved.
		{"opened", mempay.CallCreate, mempay.Broken, "create pi:ENV:order:0, create pi:ENV:order:0, create pi:ENV:order:1"},
		{"opened", mempay.CallCreate, mempay.BrokenAfter, "create pi:ENV:order:0, create pi:ENV:order:0, create pi:ENV:order:1"},
		{"paid", mempay.CallCapture, mempay.Broken, "capture cap:ENV:order:0, capture cap:ENV:order:0, retrieve, capture cap:ENV:order:1"},
		{"paid", mempay.CallCapture, mempay.BrokenAfter, "capture cap:ENV:order:0, capture cap:ENV:order:0, retrieve"},
		{"voided", mempay.CallCancel, mempay.Broken, "cancel void:pi_1:0, cancel void:pi_1:0, retrieve, cancel void:pi_1:1"},
		{"voided", mempay.CallCancel, mempay.BrokenAfter, "cancel void:pi_1:0, cancel void:pi_1:0, retrieve"},
		{"lost", mempay.CallCancel, mempay.Broken, "capture cap:ENV:order:0, retrieve, cancel void:pi_1:0, capture cap:ENV:order:0, retrieve, cancel void:pi_1:0, retrieve, capture cap:ENV:order:0, retrieve, cancel void:pi_1:1"},
		{"lost", mempay.CallCancel, mempay.BrokenAfter, "capture cap:ENV:order:0, retrieve, cancel void:pi_1:0, capture cap:ENV:order:0, retrieve"},
		// Other calls are not begun, or lose their answer: the key stays.
		{"paid", mempay.CallCapture, mempay.Limited, "capture cap:ENV:order:0, capture cap:ENV:order:0"},
		{"paid", mempay.CallCapture, mempay.Lost, "capture cap:ENV:order:0, capture cap:ENV:order:0"},
		{"opened", mempay.CallCreate, mempay.Lost, "create pi:ENV:order:0, create pi:ENV:order:0"},
	} {
		t.Run(fmt.Sprintf("%s %s", c.story, c.kind), func(t *testing.T) {
			w := newFixture(t)
			s := stories[c.story]
			s.prepare(w)
			w.ForgetCalls()
			w.Stripe.Fail(w.id, c.call, c.kind)
			w.done(s.of(w))
			w.is(s.status)
			if got := w.asked(); got != c.want {
				t.Errorf("asked %q, want %q", got, c.want)
			}
			if hidden := c.story == "opened" && c.kind == mempay.BrokenAfter; hidden {
				w.happened("created created")
			} else {
				s.ended(t, w)
			}
		})
	}
}
