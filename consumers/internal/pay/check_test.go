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
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
)

// newCountedWorld is a world whose buyer has an allowance.
func newCountedWorld(t testing.TB) *world {
	w := newWorld(t)
	row := ordertest.HeldBy(group, "anna", 2, "B-1-1", "B-1-2")
	for _, r := range w.rows.PutAll(t.Context(), []order.Order{row}) {
		if r.Err != nil || r.Outcome != order.PutDone {
			t.Fatalf("put: %+v", r)
		}
	}
	w.id = row.OrderID
	return w
}

func (w *world) allowance() int {
	w.t.Helper()
	n, err := w.rows.Allowance(w.t.Context(), group.ConcertID, "anna")
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// cancelled is somebody at Stripe's dashboard.
func (w *world) cancelledElsewhere(id string) {
	w.t.Helper()
	if _, err := w.provider.Cancel(w.t.Context(), "dashboard "+id, id); err != nil {
		w.t.Fatal(err)
	}
}

// An order whose PaymentIntent was cancelled has no form that could succeed: it ends at once, with its allowance.
func TestACancelledPaymentEndsItsOrder(t *testing.T) {
	for name, cancelled := range map[string]func(*world){
		"before a card":       func(w *world) { w.cancelledElsewhere(w.awaiting().ID) },
		"after a decline":     func(w *world) { c := w.awaiting(); w.declined(c); w.cancelledElsewhere(c.ID) },
		"at the bank's page":  func(w *world) { c := w.awaiting(); w.confirm(c, mempay.CardAsks); w.cancelledElsewhere(c.ID) },
		"while it authorises": func(w *world) { w.cancelledElsewhere(w.authorized().ID) },
	} {
		w := newCountedWorld(t)
		cancelled(w)
		if w.allowance() != 2 {
			t.Fatalf("%s: %d seats are counted", name, w.allowance())
		}
		for range 2 {
			w.done(w.check("evt_1"))
			row := w.is(contracts.Rejected)
			if row.Reason == nil || row.Reason.Code != contracts.ReasonPaymentRefused || row.Payment.ClientSecret != "" || w.allowance() != 0 {
				t.Errorf("%s: reason %+v, payment %+v, %d seats are counted", name, row.Reason, row.Payment, w.allowance())
			}
		}
		if len(w.sent) != 0 {
			t.Errorf("%s: sent %s", name, w.sentKinds())
		}
		if row := w.row(); row.Version != len(row.History) {
			t.Errorf("%s: version %d after %+v", name, row.Version, row.History)
		}
	}
}

func (w *world) declined(c pay.Created) {
	w.t.Helper()
	if err := w.provider.Confirm(c, mempay.CardDeclined); err == nil {
		w.t.Fatal("the card was taken")
	}
}

// What is cancelled of a live order is none of its business, unless it is the order's own.
func TestAnotherPaymentThatIsCancelledEndsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*world)
		want    contracts.Status
	}{
		"of a held order":                 {func(w *world) {}, contracts.Held},
		"of an order that awaits payment": {func(w *world) { w.awaiting() }, contracts.AwaitingPayment},
		"of an authorised order":          {func(w *world) { w.authorized() }, contracts.AwaitingPayment},
		"of a committed order":            {func(w *world) { w.committed() }, contracts.Confirmed},
		"of a confirmed order":            {func(w *world) { w.confirmed() }, contracts.Confirmed},
	} {
		w := newCountedWorld(t)
		c.prepare(w)
		w.cancelledElsewhere(w.another("second").ID)
		w.done(w.check("evt_1"))
		w.is(c.want)
		if w.allowance() != 2 {
			t.Errorf("%s: %d seats are counted", name, w.allowance())
		}
	}
}

// Between the look and the end of the order its row may move on, and then it is looked at again: what was committed or ended
// meanwhile is not rejected.
func TestARowThatMovesWhileItsPaymentIsLookedAt(t *testing.T) {
	for name, c := range map[string]struct {
		moves func(w *world, id string)
		want  contracts.Status
	}{
		"committed": {func(w *world, id string) {
			w.become(func(o order.Order, cause order.Cause) (order.Order, error) { return o.Commit(id, cause) })
		}, contracts.Revoked},
		"cancelled": {func(w *world, _ string) { w.cancelOrder() }, contracts.Cancelled},
		"a decline is noted": {func(w *world, _ string) {
			w.become(func(o order.Order, _ order.Cause) (order.Order, error) {
				return o.NoteDecline(readmodel.PaymentError{EventID: "evt_0", At: 1, Code: "c", Message: "m"})
			})
		}, contracts.Rejected},
	} {
		w := newCountedWorld(t)
		id := w.authorized().ID
		w.cancelledElsewhere(id)
		w.before = func(call string) {
			if call == "update" {
				w.before = nil
				c.moves(w, id)
			}
		}
		w.done(w.check("evt_1"))
		w.is(c.want)
		if w.allowance() != 0 {
			t.Errorf("%s: %d seats are counted", name, w.allowance())
		}
	}
}

// Whatever buyer, bank, dashboard and operator do to an order, with whichever calls failing and messages coming again in any
// order: a live order is rejected for its payment only if its own PaymentIntent is cancelled, and what has ended has none that
// can be captured once its messages are done.
func TestOnlyItsOwnCancelledPaymentRejectsAnOrder(t *testing.T) {
	seen := map[contracts.Status]int{}
	rapid.Check(t, func(r *rapid.T) {
		w := newCountedWorld(t)
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
			_, _ = w.provider.Cancel(t.Context(), fmt.Sprint("dashboard ", elsewhere), id)
		}
		quietly := func(what func()) func() {
			return func() {
				before := w.before
				w.before = nil
				defer func() { w.before = before }()
				what()
			}
		}
		doings := map[string]func(){
			"opens":         func() { w.handle(w.open()) },
			"checks":        func() { w.handle(w.check(fmt.Sprint("evt_", elsewhere))) },
			"voids":         func() { w.handle(w.void()) },
			"confirms":      func() { _ = w.provider.Confirm(own(), mempay.CardGood) },
			"declines":      func() { _ = w.provider.Confirm(own(), mempay.CardDeclined) },
			"own cancelled": func() { cancel(own().ID) },
			"makes a second": func() {
				params := pay.CreateParams{Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: w.with(stripeevent.MetadataOrder, string(w.id))}
				second, _ = w.provider.Create(t.Context(), "second", params)
				_ = w.provider.Confirm(second, mempay.CardGood)
			},
			"second gone": func() { cancel(second.ID) },
			"gives up": func() {
				if w.row().Status.Open() {
					w.cancelOrder()
				}
			},
			"limited": func() { w.provider.Fail(w.id, mempay.CallCreate, mempay.Limited) },
			"broken":  func() { w.provider.Fail(w.id, mempay.CallCreate, mempay.BrokenAfter) },
			"no look": func() { w.provider.Fail(w.id, mempay.CallRetrieve, mempay.Lost) },
		}
		var names []string
		for name := range doings {
			names = append(names, name)
		}
		names = append(names, "opens", "checks", "checks", "checks", "own cancelled", "own cancelled")
		w.failAt, w.after = rapid.IntRange(0, 60).Draw(r, "failAt"), rapid.Bool().Draw(r, "after")
		between := rapid.SliceOfN(rapid.SampledFrom(append(names, "nothing", "nothing")), 0, 6).Draw(r, "between")
		w.before = func(string) {
			if len(between) > 0 {
				next := between[0]
				between = between[1:]
				if do := doings[next]; do != nil && next != "opens" && next != "checks" && next != "voids" {
					quietly(do)()
				}
			}
		}
		if rapid.IntRange(0, 2).Draw(r, "open") > 0 {
			w.handle(w.open())
		}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			doings[rapid.SampledFrom(names).Draw(r, "do")]()
		}
		w.before, w.failAt = nil, 0
		row := w.row()
		if row.Status == contracts.Rejected {
			if got := w.statusOf(row.Payment.IntentID); got != pay.StatusCanceled || row.Reason.Code != contracts.ReasonPaymentRefused {
				r.Fatalf("REJECTED for %+v with a PaymentIntent that is %s", row.Reason, got)
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

// A create that Stripe refuses for good is not tried again, and its buyer has his allowance back; one that Stripe cannot be
// asked for comes again.
func TestAPaymentThatCannotBeOpenedGivesTheAllowanceBack(t *testing.T) {
	for failure, ends := range map[pay.Failure]bool{
		pay.FailureBug: true, pay.FailureState: true, pay.FailureDeclined: true, pay.FailureUnknown: false, pay.FailureReplayed: false,
	} {
		w := newCountedWorld(t)
		w.fail["create"] = failure
		o := w.handle(w.open())
		if (o.Class == retry.ClassDone) != ends || (w.allowance() == 0) != ends || (w.row().Status == contracts.Rejected) != ends {
			t.Errorf("failure %d: %+v, %d seats are counted, the row is %s", failure, o, w.allowance(), w.row().Status)
		}
	}
	// A row that has moved meanwhile is what counts.
	w := newCountedWorld(t)
	w.fail["create"] = pay.FailureBug
	w.before = func(call string) {
		if call == "update" {
			w.before = nil
			w.cancelOrder()
		}
	}
	w.done(w.open())
	w.is(contracts.Cancelled)
}
