package pay_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
)

// newCountedFixture is a fixture whose buyer has an allowance.
func newCountedFixture(t testing.TB) *fixture {
	w := newFixture(t)
	w.id = w.put(ordertest.HeldBy(group, "anna", 2, "B-1-1", "B-1-2"))
	return w
}

func (w *fixture) allowance() int {
	w.t.Helper()
	n, err := w.Rows.Allowance(w.t.Context(), group.ConcertID, "anna")
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// cancelledElsewhere cancels a PaymentIntent at Stripe's dashboard.
func (w *fixture) cancelledElsewhere(id string) {
	w.t.Helper()
	if _, err := w.Stripe.Cancel(w.t.Context(), "dashboard "+id, id); err != nil {
		w.t.Fatal(err)
	}
}

// An order whose PaymentIntent was cancelled has no form that could succeed: it ends at once, with its allowance.
func TestACancelledPaymentEndsItsOrder(t *testing.T) {
	for name, cancelled := range map[string]func(*fixture){
		"before a card":       func(w *fixture) { w.cancelledElsewhere(w.awaiting().ID) },
		"after a decline":     func(w *fixture) { c := w.awaiting(); w.declined(c); w.cancelledElsewhere(c.ID) },
		"at the bank's page":  func(w *fixture) { c := w.awaiting(); w.confirm(c, mempay.CardAsks); w.cancelledElsewhere(c.ID) },
		"while it authorises": func(w *fixture) { w.cancelledElsewhere(w.authorized().ID) },
	} {
		w := newCountedFixture(t)
		cancelled(w)
		if w.allowance() != 2 {
			t.Fatalf("%s: %d seats are counted", name, w.allowance())
		}
		for range 2 {
			w.done(w.check("evt_1"))
			row := w.is(contracts.Rejected)
			w.WantReason(t, w.id, contracts.ReasonPaymentRefused)
			if row.Payment.ClientSecret != "" || w.allowance() != 0 {
				t.Errorf("%s: client secret %q, %d seats are counted; want none", name, row.Payment.ClientSecret, w.allowance())
			}
		}
		w.WantSent(t)
		if row := w.row(); row.Version != len(row.History) {
			t.Errorf("%s: version %d, %d entries of history", name, row.Version, len(row.History))
		}
	}
}

func (w *fixture) declined(c pay.Created) {
	w.t.Helper()
	if err := w.Stripe.Confirm(c, mempay.CardDeclined); err == nil {
		w.t.Fatal("the card was taken")
	}
}

// A cancelled PaymentIntent ends a live order only if it is the order's own.
func TestAnotherPaymentThatIsCancelledEndsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*fixture)
		want    contracts.Status
	}{
		"of a held order":                 {func(w *fixture) {}, contracts.Held},
		"of an order that awaits payment": {func(w *fixture) { w.awaiting() }, contracts.AwaitingPayment},
		"of an authorised order":          {func(w *fixture) { w.authorized() }, contracts.AwaitingPayment},
		"of a committed order":            {func(w *fixture) { w.committed() }, contracts.Confirmed},
		"of a confirmed order":            {func(w *fixture) { w.confirmed() }, contracts.Confirmed},
	} {
		w := newCountedFixture(t)
		c.prepare(w)
		w.cancelledElsewhere(w.another("second").ID)
		w.done(w.check("evt_1"))
		w.is(c.want)
		if w.allowance() != 2 {
			t.Errorf("%s: %d seats are counted", name, w.allowance())
		}
	}
}

// The row may move on between the read of the PaymentIntent and the end of the order. It is then read again: an order that was
// committed or ended meanwhile is not rejected.
func TestARowThatMovesWhileItsPaymentIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		moves func(w *fixture, id string)
		want  contracts.Status
	}{
		"committed": {func(w *fixture, id string) {
			w.become(func(o order.Order, cause order.Cause) (order.Order, error) { return o.Commit(id, cause) })
		}, contracts.Revoked},
		"cancelled": {func(w *fixture, _ string) { w.cancelOrder() }, contracts.Cancelled},
		"a decline is noted": {func(w *fixture, _ string) {
			w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
				return o.NoteDecline(readmodel.PaymentError{EventID: "evt_0", At: 1, Code: "c", Message: "m"})
			})
		}, contracts.Rejected},
	} {
		w := newCountedFixture(t)
		id := w.authorized().ID
		w.cancelledElsewhere(id)
		w.Meanwhile(world.Update, func() {
			c.moves(w, id)
		})
		w.done(w.check("evt_1"))
		w.is(c.want)
		if w.allowance() != 0 {
			t.Errorf("%s: %d seats are counted", name, w.allowance())
		}
	}
}

// Whatever buyer, bank, dashboard and operator do to an order, whichever calls fail and in whatever order messages are redelivered:
// a live order is rejected for its payment only if its own PaymentIntent is cancelled, and an order that has ended has no
// PaymentIntent that can be captured once its messages are done.
func TestOnlyItsOwnCancelledPaymentRejectsAnOrder(t *testing.T) {
	seen := map[contracts.Status]int{}
	rapid.Check(t, func(r *rapid.T) {
		w := newCountedFixture(t)
		var second pay.Created
		elsewhere := 0
		own := func() pay.Created {
			p := w.row().Payment
			if p == nil {
				return pay.Created{}
			}
			return pay.Created{ID: p.IntentID, ClientSecret: p.ClientSecret}
		}
		cancel := func(id string) {
			elsewhere++
			_, _ = w.Stripe.Cancel(t.Context(), fmt.Sprint("dashboard ", elsewhere), id)
		}
		doings := map[string]func(){
			"opens":         func() { _ = w.handle(w.open()) },
			"checks":        func() { _ = w.handle(w.check(fmt.Sprint("evt_", elsewhere))) },
			"voids":         func() { _ = w.handle(w.void()) },
			"confirms":      func() { _ = w.Stripe.Confirm(own(), mempay.CardGood) },
			"declines":      func() { _ = w.Stripe.Confirm(own(), mempay.CardDeclined) },
			"own cancelled": func() { cancel(own().ID) },
			"makes a second": func() {
				params := pay.CreateParams{Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: w.with(stripeevent.MetadataOrder, string(w.id))}
				second, _ = w.Stripe.Create(t.Context(), "second", params)
				_ = w.Stripe.Confirm(second, mempay.CardGood)
			},
			"second gone": func() { cancel(second.ID) },
			"gives up": func() {
				if w.row().Status.Open() {
					w.cancelOrder()
				}
			},
			"limited":     func() { w.Stripe.Fail(w.id, mempay.CallCreate, mempay.Limited) },
			"broken":      func() { w.Stripe.Fail(w.id, mempay.CallCreate, mempay.BrokenAfter) },
			"no retrieve": func() { w.Stripe.Fail(w.id, mempay.CallRetrieve, mempay.Lost) },
		}
		var names []string
		for name := range doings {
			names = append(names, name)
		}
		names = append(names, "opens", "checks", "checks", "checks", "own cancelled", "own cancelled")
		w.injectDrawn(r, 60)
		between := rapid.SliceOfN(rapid.SampledFrom(append(names, "nothing", "nothing")), 0, 6).Draw(r, "between")
		w.BeforeEach(func(world.Call, ...string) {
			if len(between) > 0 {
				next := between[0]
				between = between[1:]
				if do := doings[next]; do != nil && next != "opens" && next != "checks" && next != "voids" {
					do() // makes no call through a port
				}
			}
		})
		if rapid.IntRange(0, 2).Draw(r, "open") > 0 {
			_ = w.handle(w.open())
		}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			doings[rapid.SampledFrom(names).Draw(r, "do")]()
		}
		w.BeforeEach(nil)
		w.Heal()
		row := w.row()
		if row.Status == contracts.Rejected {
			if got := w.statusOf(row.Payment.IntentID); got != pay.StatusCanceled || row.Reason.Code != contracts.ReasonPaymentRefused {
				r.Fatalf("REJECTED for %s with a PaymentIntent that is %s", row.Reason.Code, got)
			}
		}
		if want := map[bool]int{true: 2, false: 0}[row.Status.Open()]; w.allowance() != want {
			r.Fatalf("%s, and %d seats are counted", row.Status, w.allowance())
		}
		if row.Status.Dead() && own().ID != "" {
			w.done(w.void())
			if got := w.statusOf(own().ID); got != pay.StatusCanceled {
				r.Fatalf("%s, and its PaymentIntent is %s", row.Status, got)
			}
		}
		if strings.Contains(w.effects(), "captured") {
			r.Fatalf("money was taken of an order that was never committed: %s", w.effects())
		}
		seen[row.Status]++
	})
	for _, s := range []contracts.Status{contracts.Held, contracts.AwaitingPayment, contracts.Rejected, contracts.Cancelled} {
		if seen[s] == 0 {
			t.Errorf("no history ended %s: %v", s, seen)
		}
	}
}

// A create that Stripe refuses for good is not tried again, and its buyer's allowance is restored; one with an unknown result is
// tried again.
func TestAPaymentThatCannotBeOpenedGivesTheAllowanceBack(t *testing.T) {
	for failure, ends := range map[pay.Failure]bool{
		pay.FailureBug: true, pay.FailureState: true, pay.FailureDeclined: true, pay.FailureUnknown: false, pay.FailureReplayed: false,
	} {
		w := newCountedFixture(t)
		w.Inject(providerFails(world.Create, failure))
		o := retry.Classify(w.handle(w.open()))
		if (o.Class == retry.ClassDone) != ends || (w.allowance() == 0) != ends || (w.row().Status == contracts.Rejected) != ends {
			t.Errorf("failure %d: the outcome is %s, %d seats are counted, the row is %s", failure, o.Class, w.allowance(), w.row().Status)
		}
	}
	// A row that ends meanwhile stays as it is.
	w := newCountedFixture(t)
	w.Inject(providerFails(world.Create, pay.FailureBug))
	w.Meanwhile(world.Update, func() {
		w.cancelOrder()
	})
	w.done(w.open())
	w.is(contracts.Cancelled)
}
