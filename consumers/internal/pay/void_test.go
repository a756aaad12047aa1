package pay_test

import (
	"slices"
	"strings"
	"testing"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// another is a second PaymentIntent of the order, authorised.
func (w *fixture) another(key string) pay.Created {
	w.t.Helper()
	return w.made(key, w.with(stripeevent.MetadataOrder, string(w.id)))
}

func (w *fixture) statusOf(id string) string {
	w.t.Helper()
	e, err := w.Stripe.Entry(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return e.Status
}

// Whatever a VoidPayment names, in each status of the row: of an order that has ended unpaid both PaymentIntents are cancelled, of
// one that is paid only the other one, and of one that may still be paid none.
func TestWhatAVoidGivesBack(t *testing.T) {
	const own, other = "own", "other"
	want := map[contracts.Status]map[string][]string{}
	for _, s := range []contracts.Status{contracts.Rejected, contracts.Expired, contracts.Cancelled, contracts.Revoked} {
		want[s] = map[string][]string{"": {own}, own: {own}, other: {other, own}}
	}
	for _, s := range []contracts.Status{contracts.Committed, contracts.Confirmed, contracts.Refunded} {
		want[s] = map[string][]string{other: {other}}
	}
	for _, status := range contracts.Statuses()[1:] {
		for _, named := range []string{"", own, other} {
			w := newFixture(t)
			ids := map[string]string{own: w.authorized().ID, other: w.another("second").ID}
			w.forced(status)
			m := w.void()
			m.PaymentIntentID = ids[named]
			for range 2 {
				w.done(m)
			}
			var given []string
			for name, id := range ids {
				if w.statusOf(id) == pay.StatusCanceled {
					given = append(given, name)
				}
			}
			slices.Sort(given)
			if !slices.Equal(given, want[status][named]) {
				t.Errorf("%s, %q named: cancelled are %v, want %v", status, named, given, want[status][named])
			}
			if row := w.row(); row.Status != status || row.Payment.IntentID != ids[own] {
				t.Errorf("%s, %q named: the row is %s with %s", status, named, row.Status, row.Payment.IntentID)
			}
		}
	}
}

// While a row names no PaymentIntent, any one may pay it, and none is cancelled unless the row has ended.
func TestAVoidOfARowWithoutAPaymentIntent(t *testing.T) {
	for status, given := range map[contracts.Status]bool{
		contracts.Held: false, contracts.Committed: false, contracts.Confirmed: false, contracts.Refunded: false, contracts.Expired: true,
	} {
		w := newFixture(t)
		other := w.another("second")
		w.forced(status)
		m := w.void()
		m.PaymentIntentID = other.ID
		w.done(m)
		if got := w.statusOf(other.ID) == pay.StatusCanceled; got != given {
			t.Errorf("%s: cancelled %v", status, got)
		}
	}
}

// A second payment of a paid order that was captured, by any program, is an alarm, and the first one stays as it is.
func TestASecondChargeIsAnAlarm(t *testing.T) {
	w := newFixture(t)
	w.confirmed()
	other := w.another("second")
	if _, err := w.Stripe.Capture(t.Context(), "elsewhere", other.ID); err != nil {
		t.Fatal(err)
	}
	m := w.void()
	m.PaymentIntentID = other.ID
	world.WantOutcome(t, w.settle(m), retry.ClassPoison, "void_of_captured")
	if !w.Metered(telemetry.InvariantsBroken) {
		t.Error("no alarm")
	}
	w.is(contracts.Confirmed)
}

// A failure with one of two PaymentIntents does not keep the other one authorised.
func TestAFailureWithOneDoesNotKeepTheOther(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(w *fixture, own string)
		class   retry.Class
	}{
		"captured":  {func(w *fixture, own string) { w.captured(own) }, retry.ClassPoison},
		"refused":   {func(w *fixture, _ string) { w.Inject(providerFails(world.Cancel, pay.FailureBug)) }, retry.ClassPoison},
		"no answer": {func(w *fixture, _ string) { w.Inject(providerFails(world.Cancel, pay.FailureUnknown)) }, retry.ClassRetryable},
		"replayed":  {func(w *fixture, _ string) { w.Inject(providerFails(world.Cancel, pay.FailureReplayed)) }, retry.ClassRetryable},
	} {
		w := newFixture(t)
		own, other := w.authorized(), w.another("second")
		w.cancelOrder()
		c.trouble(w, own.ID)
		m := w.void()
		m.PaymentIntentID = other.ID
		if o := retry.Classify(w.handle(m)); o.Class != c.class {
			t.Errorf("%s: the outcome is %s %s (%v), want %s", name, o.Class, o.Reason, o.Err, c.class)
		}
		if got := w.statusOf(other.ID); got != pay.StatusCanceled {
			t.Errorf("%s: the other one is %s", name, got)
		}
	}
}

func (w *fixture) captured(id string) {
	w.t.Helper()
	if _, err := w.Stripe.Capture(w.t.Context(), "elsewhere "+id, id); err != nil {
		w.t.Fatal(err)
	}
}

// The cancel of the other PaymentIntent of a paid order may fail like any other, and its next attempt has another key; the row is
// confirmed meanwhile.
func TestAVoidOfAPaidOrderThatFails(t *testing.T) {
	for _, kind := range []mempay.Fault{mempay.Broken, mempay.BrokenAfter, mempay.Garbled, mempay.Lost, mempay.Limited} {
		w := newFixture(t)
		w.committed()
		other := w.another("second")
		w.Stripe.Fail(w.id, mempay.CallCancel, kind)
		m := w.void()
		m.PaymentIntentID = other.ID
		w.Meanwhile(world.Update, func() {
			w.become(order.Order.Confirm)
		})
		w.done(m)
		w.done(w.capture())
		if got := w.statusOf(other.ID); got != pay.StatusCanceled {
			t.Errorf("%s: the other one is %s, asked %s", kind, got, w.asked())
		}
		if row := w.row(); row.Status != contracts.Confirmed && row.Status != contracts.Committed {
			t.Errorf("%s: the row is %s", kind, row.Status)
		}
	}
}

// The keys at Stripe are different in environments that share an account, and the same at every attempt.
func TestKeysAtStripe(t *testing.T) {
	w := newFixture(t)
	var keys []string
	w.BeforeEach(func(c world.Call, about ...string) {
		if c == world.Create || c == world.Capture || c == world.Cancel {
			keys = append(keys, string(c)+" "+about[0])
		}
	})
	w.committed()
	w.done(w.capture())
	other := w.another("second")
	m := message.VoidPayment{OrderID: w.id, ConcertID: group.ConcertID, Group: group.Group, PaymentIntentID: other.ID, CauseID: "dlq_1"}
	w.done(m)
	want := []string{"create pi:test:" + string(w.id) + ":0", "capture cap:test:" + string(w.id) + ":0", "cancel void:" + other.ID + ":0"}
	if !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	for _, key := range want {
		if len(strings.Fields(key)[1]) > 255 {
			t.Errorf("%s is too long for Stripe", key)
		}
	}
}
