package pay_test

import (
	"fmt"
	"strings"
	"testing"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Each message acts by the row's status alone, and a second time it finds its effect. The order has a PaymentIntent that is
// authorised, except where it is HELD.
func TestEveryMessageInEveryStatus(t *testing.T) {
	messages := map[message.Kind]func(*fixture) message.Message{
		message.KindOpenPayment:    func(w *fixture) message.Message { return w.open() },
		message.KindCapturePayment: func(w *fixture) message.Message { return w.capture() },
		message.KindVoidPayment:    func(w *fixture) message.Message { return w.void() },
		message.KindCheckPayment:   func(w *fixture) message.Message { return w.check("r1") },
	}
	type effect struct {
		status   contracts.Status
		happened string
		sent     int
	}
	capture, void := effect{contracts.Confirmed, " captured", 0}, func(s contracts.Status) effect { return effect{s, " canceled", 0} }
	// What is not named here does nothing.
	acts := map[contracts.Status]map[message.Kind]effect{
		contracts.Held:            {message.KindOpenPayment: {contracts.AwaitingPayment, "created", 0}},
		contracts.AwaitingPayment: {message.KindCheckPayment: {contracts.AwaitingPayment, "", 2}},
		contracts.Committed:       {message.KindCapturePayment: capture, message.KindCheckPayment: capture},
		contracts.Rejected:        {message.KindVoidPayment: void(contracts.Rejected)},
		contracts.Expired:         {message.KindVoidPayment: void(contracts.Expired)},
		contracts.Cancelled:       {message.KindVoidPayment: void(contracts.Cancelled)},
		contracts.Revoked:         {message.KindVoidPayment: void(contracts.Revoked)},
	}
	for _, status := range contracts.Statuses()[1:] {
		for kind, of := range messages {
			t.Run(string(status)+" "+string(kind), func(t *testing.T) {
				w := newFixture(t)
				before := ""
				if status != contracts.Held {
					w.authorized()
					before = "created authorized"
				}
				row := w.row()
				moved := row
				moved.Status, moved.Version = status, row.Version+1
				if err := w.Rows.Update(t.Context(), row, moved); err != nil {
					t.Fatal(err)
				}
				want, named := acts[status][kind]
				if !named {
					want = effect{status: status}
				}
				for range 2 {
					w.done(of(w))
				}
				after := w.is(want.status)
				w.happened(before + want.happened)
				if len(w.Sent()) != want.sent {
					t.Errorf("sent %v, want %d messages", w.SentKinds(), want.sent)
				}
				if wrote := after.Version - moved.Version; (wrote == 1) != (want.status != status) || wrote > 1 {
					t.Errorf("%d versions were written", wrote)
				}
			})
		}
	}
}

// Each kind of failure, at each call with a key. After an unknown result the call is repeated under the same key. A failure that the
// key would repeat for ever is followed by a retrieve, and the next attempt has another key. A bug of ours is poison, or ends the
// order if it is of a create. In the end the order is in the right status.
func TestEveryFailureAtEveryCall(t *testing.T) {
	type step struct {
		call    world.Call
		prepare func(*fixture)
		of      func(*fixture) message.Message
		attempt order.Step
		status  contracts.Status
		// same and another are the calls after a failure that keeps the key, and after one that needs another key.
		same, another string
	}
	steps := []step{
		{world.Create, func(*fixture) {}, func(w *fixture) message.Message { return w.open() }, order.StepOpen, contracts.AwaitingPayment,
			"create pi:ENV:order:0, create pi:ENV:order:0", "create pi:ENV:order:0, create pi:ENV:order:1"},
		{world.Capture, func(w *fixture) { w.committed() }, func(w *fixture) message.Message { return w.capture() }, order.StepCapture, contracts.Confirmed,
			"capture cap:ENV:order:0, capture cap:ENV:order:0", "capture cap:ENV:order:0, retrieve, capture cap:ENV:order:1"},
		{world.Cancel, func(w *fixture) { w.authorized(); w.cancelOrder(); w.ForgetCalls() }, func(w *fixture) message.Message { return w.void() }, order.StepVoid, contracts.Cancelled,
			"cancel void:pi_1:0, cancel void:pi_1:0", "cancel void:pi_1:0, retrieve, cancel void:pi_1:1"},
	}
	names := map[pay.Failure]string{pay.FailureUnknown: "unknown", pay.FailureReplayed: "replayed", pay.FailureState: "state", pay.FailureDeclined: "declined", pay.FailureBug: "bug"}
	for _, s := range steps {
		for failure, name := range names {
			t.Run(string(s.call)+" "+name, func(t *testing.T) {
				w := newFixture(t)
				s.prepare(w)
				before, attempt := w.row(), 0
				w.Inject(providerFails(s.call, failure))
				err := w.handle(s.of(w))
				if s.call == world.Create && failure != pay.FailureUnknown && failure != pay.FailureReplayed {
					w.refused(err)
					return
				}
				if failure == pay.FailureBug {
					world.WantOutcome(t, err, retry.ClassPoison, "provider_refuses")
					w.WantRow(t, w.id, before.Status, before.Version)
					return
				}
				world.WantRetryable(t, err)
				want := s.same
				if failure != pay.FailureUnknown {
					want, attempt = s.another, 1
				}
				if after := w.row(); after.Status != before.Status || after.Attempt(s.attempt) != attempt {
					t.Errorf("row is %s, attempt %d, want %s, %d", after.Status, after.Attempt(s.attempt), before.Status, attempt)
				}
				w.done(s.of(w))
				w.is(s.status)
				if got := w.asked(); got != want {
					t.Errorf("asked %q, want %q", got, want)
				}
			})
		}
	}
}

// refused wants the order to have ended because its payment cannot be opened, with an alarm and without a letter.
func (w *fixture) refused(err error) {
	w.t.Helper()
	world.WantDone(w.t, err)
	w.is(contracts.Rejected)
	w.WantReason(w.t, w.id, contracts.ReasonPaymentRefused)
	w.WantSent(w.t)
	if !w.Metered(telemetry.PaymentsRefused) || !strings.Contains(w.Logs.String(), `"level":"ERROR"`) {
		w.t.Errorf("no alarm: %s%s", w.Metrics.String(), w.Logs.String())
	}
	if got := w.asked(); got != "create pi:ENV:order:0" {
		w.t.Errorf("asked %q", got)
	}
	w.ForgetCalls()
	w.done(w.open()) // a redelivery only reads the row
	w.WantCalls(w.t, world.Read, world.Leave)
	w.happened("")
}

// A retrieve that fails decides nothing.
func TestARetrieveThatFailsDecidesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		first   world.Call
		prepare func(*fixture)
		of      func(*fixture) message.Message
		status  contracts.Status
	}{
		"after a capture": {world.Capture, func(w *fixture) { w.committed() }, func(w *fixture) message.Message { return w.capture() }, contracts.Confirmed},
		"after a cancel":  {world.Cancel, func(w *fixture) { w.authorized(); w.cancelOrder() }, func(w *fixture) message.Message { return w.void() }, contracts.Cancelled},
		"of a check":      {"", func(w *fixture) { w.authorized() }, func(w *fixture) message.Message { return w.check("r1") }, contracts.AwaitingPayment},
	} {
		for _, failure := range []pay.Failure{pay.FailureUnknown, pay.FailureBug} {
			t.Run(fmt.Sprintf("%s, failure %d", name, failure), func(t *testing.T) {
				w := newFixture(t)
				c.prepare(w)
				before := w.row()
				if c.first != "" {
					w.Inject(providerFails(c.first, pay.FailureState))
				}
				w.Inject(providerFails(world.Retrieve, failure))
				err := w.handle(c.of(w))
				if failure == pay.FailureBug {
					world.WantOutcome(t, err, retry.ClassPoison, "provider_refuses")
				} else {
					world.WantRetryable(t, err)
				}
				w.WantRow(t, w.id, before.Status, before.Version)
				w.WantSent(t)
				w.done(c.of(w))
				w.is(c.status)
			})
		}
	}
}

// Captured money of an order that has ended, or that is not committed, is always an alarm.
func TestCapturedMoneyWithoutAnOrderIsPoison(t *testing.T) {
	captured := func(w *fixture, id string) {
		t.Helper()
		if _, err := w.Stripe.Capture(t.Context(), "elsewhere", id); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("the row's", func(t *testing.T) {
		w := newFixture(t)
		captured(w, w.authorized().ID)
		w.cancelOrder()
		world.WantOutcome(t, w.settle(w.void()), retry.ClassPoison, "void_of_captured")
		if !w.Metered(telemetry.InvariantsBroken) {
			t.Error("no alarm")
		}
	})
	t.Run("one that the message names", func(t *testing.T) {
		w := newFixture(t)
		other := w.foreign("other")
		w.confirm(other, mempay.CardGood)
		captured(w, other.ID)
		w.awaiting()
		w.cancelOrder()
		m := w.void()
		m.PaymentIntentID = other.ID
		world.WantOutcome(t, w.settle(m), retry.ClassPoison, "void_of_captured")
		if got := w.effects(); !strings.HasSuffix(got, " canceled") {
			t.Errorf("the row's own was not cancelled: %s", got)
		}
	})
	t.Run("an open order's", func(t *testing.T) {
		w := newFixture(t)
		captured(w, w.authorized().ID)
		world.WantOutcome(t, w.settle(w.check("r1")), retry.ClassPoison, "captured_before_commit")
		if !w.Metered(telemetry.InvariantsBroken) || len(w.Sent()) != 0 {
			t.Errorf("sent %v, metrics %s", w.SentKinds(), w.Metrics.String())
		}
	})
	t.Run("of another amount", func(t *testing.T) {
		w := newFixture(t)
		c := w.foreign("other")
		w.confirm(c, mempay.CardGood)
		w.become(func(o order.Order, cause order.Cause) (order.Order, error) { return o.Commit(c.ID, cause) })
		world.WantOutcome(t, w.settle(w.capture()), retry.ClassPoison, "captured_otherwise")
		w.is(contracts.Committed)
		if !w.Metered(telemetry.InvariantsBroken) {
			t.Error("no alarm")
		}
	})
}

// foreign makes a PaymentIntent of a smaller amount, as another program does.
func (w *fixture) foreign(key string) pay.Created {
	w.t.Helper()
	c, err := w.Stripe.Create(w.t.Context(), key, pay.CreateParams{Amount: contracts.Money{Minor: 100, Currency: "EUR"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// A version of the program that ran before a deployment has sent a capture with the key and other parameters. The status of the
// PaymentIntent says what became of it: the order is confirmed once, and its money is taken once.
func TestACaptureByAnOlderVersionEndsWell(t *testing.T) {
	for name, captured := range map[string]bool{"that was made": true, "that was not": false} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			id := w.committed().ID
			// Any other request uses the key up.
			if _, err := w.Stripe.Cancel(t.Context(), fmt.Sprintf("cap:%s:%s:0", environment, w.id), w.foreign("other").ID); err != nil {
				t.Fatal(err)
			}
			if captured {
				if _, err := w.Stripe.Capture(t.Context(), "elsewhere", id); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := w.settle(w.capture()); err != nil && !retry.IsRetryable(err) {
					t.Fatal(err)
				}
			}
			w.is(contracts.Confirmed)
			if n := strings.Count(w.effects(), "captured"); n != 1 {
				t.Errorf("%d captures: %s", n, w.effects())
			}
		})
	}
}
