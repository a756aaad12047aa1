package pay_test

import (
	"strings"
	"testing"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Each message acts by the row's status alone, and a second time it finds its effect. The order has a PaymentIntent that is
// authorised, except where it is HELD.
func TestEveryMessageInEveryStatus(t *testing.T) {
	messages := map[message.Kind]func(*world) message.Message{
		message.KindOpenPayment:    func(w *world) message.Message { return w.open() },
		message.KindCapturePayment: func(w *world) message.Message { return w.capture() },
		message.KindVoidPayment:    func(w *world) message.Message { return w.void() },
		message.KindCheckPayment:   func(w *world) message.Message { return w.check("r1") },
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
				w := newWorld(t)
				before := ""
				if status != contracts.Held {
					w.authorized()
					before = "created authorized"
				}
				row := w.row()
				moved := row
				moved.Status, moved.Version = status, row.Version+1
				if err := w.rows.Update(t.Context(), row, moved); err != nil {
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
				if len(w.sent) != want.sent {
					t.Errorf("sent %v", w.sent)
				}
				if wrote := after.Version - moved.Version; (wrote == 1) != (want.status != status) || wrote > 1 {
					t.Errorf("%d versions were written", wrote)
				}
			})
		}
	}
}

// Each kind of no, at each call with a key: what is neither yes nor no comes back under the same key; of what the key would
// repeat for ever the next attempt has another, after a look; a bug of ours is poison, or of a create the order's end. In the
// end all is as it should be.
func TestEveryFailureAtEveryCall(t *testing.T) {
	type step struct {
		call    string
		prepare func(*world)
		of      func(*world) message.Message
		attempt order.Step
		status  contracts.Status
		// keys are what was asked after a failure that comes back with the same key, and after one that gets another.
		same, another string
	}
	steps := []step{
		{"create", func(*world) {}, func(w *world) message.Message { return w.open() }, order.StepOpen, contracts.AwaitingPayment,
			"create pi:ENV:order:0, create pi:ENV:order:0", "create pi:ENV:order:0, create pi:ENV:order:1"},
		{"capture", func(w *world) { w.committed() }, func(w *world) message.Message { return w.capture() }, order.StepCapture, contracts.Confirmed,
			"capture cap:ENV:order:0, capture cap:ENV:order:0", "capture cap:ENV:order:0, retrieve, capture cap:ENV:order:1"},
		{"cancel", func(w *world) { w.authorized(); w.cancelOrder(); w.calls = nil }, func(w *world) message.Message { return w.void() }, order.StepVoid, contracts.Cancelled,
			"cancel void:pi_1:0, cancel void:pi_1:0", "cancel void:pi_1:0, retrieve, cancel void:pi_1:1"},
	}
	names := map[pay.Failure]string{pay.FailureUnknown: "unknown", pay.FailureReplayed: "replayed", pay.FailureState: "state", pay.FailureDeclined: "declined", pay.FailureBug: "bug"}
	for _, s := range steps {
		for failure, name := range names {
			t.Run(s.call+" "+name, func(t *testing.T) {
				w := newWorld(t)
				s.prepare(w)
				before, attempt := w.row(), 0
				w.fail[s.call] = failure
				o := w.handle(s.of(w))
				if s.call == "create" && failure != pay.FailureUnknown && failure != pay.FailureReplayed {
					w.refused(o)
					return
				}
				if failure == pay.FailureBug {
					poison(t, o, "provider_refuses")
					if after := w.row(); after.Version != before.Version {
						t.Errorf("row %+v", after)
					}
					return
				}
				if o.Class != retry.ClassRetryable || o.Err == nil {
					t.Fatalf("got %+v", o)
				}
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
func (w *world) refused(o retry.Outcome) {
	w.t.Helper()
	if o.Class != retry.ClassDone {
		w.t.Errorf("got %+v", o)
	}
	row := w.is(contracts.Rejected)
	if row.Reason == nil || row.Reason.Code != contracts.ReasonPaymentRefused || len(w.sent) != 0 {
		w.t.Errorf("reason %+v, sent %v", row.Reason, w.sent)
	}
	if !w.metric(telemetry.PaymentsRefused) || !strings.Contains(w.log.String(), `"level":"ERROR"`) {
		w.t.Errorf("no alarm: %s%s", w.metrics.String(), w.log.String())
	}
	calls := len(w.calls)
	w.done(w.open())
	if w.asked() != "create pi:ENV:order:0" || len(w.calls) != calls+1 {
		w.t.Errorf("again: calls %q", w.calls)
	}
	w.happened("")
}

// A look that fails decides nothing.
func TestALookThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		first   string
		prepare func(*world)
		of      func(*world) message.Message
		status  contracts.Status
	}{
		"after a capture": {"capture", func(w *world) { w.committed() }, func(w *world) message.Message { return w.capture() }, contracts.Confirmed},
		"after a cancel":  {"cancel", func(w *world) { w.authorized(); w.cancelOrder() }, func(w *world) message.Message { return w.void() }, contracts.Cancelled},
		"of a check":      {"", func(w *world) { w.authorized() }, func(w *world) message.Message { return w.check("r1") }, contracts.AwaitingPayment},
	} {
		for _, failure := range []pay.Failure{pay.FailureUnknown, pay.FailureBug} {
			w := newWorld(t)
			c.prepare(w)
			before := w.row()
			if c.first != "" {
				w.fail[c.first] = pay.FailureState
			}
			w.fail["retrieve"] = failure
			o := w.handle(c.of(w))
			if failure == pay.FailureBug {
				poison(t, o, "provider_refuses")
			} else if o.Class != retry.ClassRetryable {
				t.Errorf("%s: %+v", name, o)
			}
			if after := w.row(); after.Version != before.Version || len(w.sent) != 0 {
				t.Errorf("%s: row %+v", name, after)
			}
			w.done(c.of(w))
			w.is(c.status)
		}
	}
}

// Money of an order that has ended, or that is not committed, is never acknowledged in silence.
func TestCapturedMoneyWithoutAnOrderIsPoison(t *testing.T) {
	captured := func(w *world, id string) {
		t.Helper()
		if _, err := w.provider.Capture(t.Context(), "elsewhere", id); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("the row's", func(t *testing.T) {
		w := newWorld(t)
		captured(w, w.authorized().ID)
		w.cancelOrder()
		poison(t, w.settle(w.void()), "void_of_captured")
		if !w.metric(telemetry.InvariantsBroken) {
			t.Error("no alarm")
		}
	})
	t.Run("one that the message names", func(t *testing.T) {
		w := newWorld(t)
		other := w.foreign("other")
		w.confirm(other, mempay.CardGood)
		captured(w, other.ID)
		w.awaiting()
		w.cancelOrder()
		m := w.void()
		m.PaymentIntentID = other.ID
		poison(t, w.settle(m), "void_of_captured")
		if got := w.effects(); !strings.HasSuffix(got, " canceled") {
			t.Errorf("the row's own was not cancelled: %s", got)
		}
	})
	t.Run("an open order's", func(t *testing.T) {
		w := newWorld(t)
		captured(w, w.authorized().ID)
		poison(t, w.settle(w.check("r1")), "captured_before_commit")
		if !w.metric(telemetry.InvariantsBroken) || len(w.sent) != 0 {
			t.Errorf("sent %v, metrics %s", w.sent, w.metrics.String())
		}
	})
	t.Run("of another amount", func(t *testing.T) {
		w := newWorld(t)
		c := w.foreign("other")
		w.confirm(c, mempay.CardGood)
		w.become(func(o order.Order, cause order.Cause) (order.Order, error) { return o.Commit(c.ID, cause) })
		poison(t, w.settle(w.capture()), "captured_otherwise")
		w.is(contracts.Committed)
		if !w.metric(telemetry.InvariantsBroken) {
			t.Error("no alarm")
		}
	})
}

// foreign is a PaymentIntent over less that this package did not make.
func (w *world) foreign(key string) pay.Created {
	w.t.Helper()
	c, err := w.provider.Create(w.t.Context(), key, pay.CreateParams{Amount: contracts.Money{Minor: 100, Currency: "EUR"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}
