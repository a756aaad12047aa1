package order_test

import (
	"errors"
	"strings"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

var opened = order.Cause{Kind: message.KindOpenPayment, MessageID: "m-2", At: 1_001_000}

func awaiting(t *testing.T) order.Order {
	t.Helper()
	o, err := ordertest.HeldOrder(ordertest.Placed(group, "A-1-1", "A-1-2")).AwaitPayment("pi_1", "pi_1_secret_2", opened)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// The row has the client secret only while the order awaits payment, and keeps the PaymentIntent after that.
func TestTheClientSecretIsStoredOnlyWhileTheOrderAwaitsPayment(t *testing.T) {
	o := awaiting(t)
	if o.Status != contracts.AwaitingPayment || o.Version != 2 || o.Payment.IntentID != "pi_1" || o.Payment.ClientSecret != "pi_1_secret_2" {
		t.Errorf("%+v", o.Payment)
	}
	for name, end := range map[string]func() (order.Order, error){
		"commit": func() (order.Order, error) { return o.Commit("pi_1", opened) },
		"cancel": func() (order.Order, error) { return o.Cancel(opened) },
		"reject": func() (order.Order, error) { return o.Reject(contracts.ReasonPaymentMismatch, nil, opened) },
	} {
		next, err := end()
		if err != nil || next.Payment.ClientSecret != "" || next.Payment.IntentID != "pi_1" {
			t.Errorf("%s: %+v, %v", name, next.Payment, err)
		}
	}
	if o.Payment.ClientSecret == "" {
		t.Error("the row before shares memory with the one after")
	}
}

// Whatever happens to an order, in whatever sequence: its row has the client secret exactly while the order awaits payment. The card
// that paid is in the row that is CONFIRMED, if it is known.
func TestNoOtherStatusHasTheClientSecret(t *testing.T) {
	visa := &readmodel.Card{Brand: "visa", Last4: "4242"}
	steps := map[string]func(order.Order) (order.Order, error){
		"await": func(o order.Order) (order.Order, error) { return o.AwaitPayment("pi_1", "pi_1_secret_2", opened) },
		"decline": func(o order.Order) (order.Order, error) {
			return o.NoteDecline(readmodel.PaymentError{EventID: "evt_1", At: 1})
		},
		"attempt": func(o order.Order) (order.Order, error) { return o.NextAttempt(order.StepVoid), nil },
		"commit":  func(o order.Order) (order.Order, error) { return o.Commit("pi_1", opened) },
		"confirm": func(o order.Order) (order.Order, error) { return o.PaidBy(visa).Confirm(opened) },
		"unknown": func(o order.Order) (order.Order, error) { return o.PaidBy(nil).Confirm(opened) },
		"revoke":  func(o order.Order) (order.Order, error) { return o.Revoke(opened) },
		"cancel":  func(o order.Order) (order.Order, error) { return o.Cancel(opened) },
		"reject":  func(o order.Order) (order.Order, error) { return o.Reject(contracts.ReasonInternal, nil, opened) },
		"expire": func(o order.Order) (order.Order, error) {
			return o.Expire(order.Cause{Kind: message.KindExpireHold, At: o.ExpiresFrom()})
		},
	}
	reached := map[contracts.Status]bool{}
	var follow func(o order.Order, path string, left int)
	follow = func(o order.Order, path string, left int) {
		reached[o.Status] = true
		if has, want := o.Payment != nil && o.Payment.ClientSecret != "", o.Status == contracts.AwaitingPayment; has != want {
			t.Errorf("after%s the order is %s, and its row has the secret: %t", path, o.Status, has)
		}
		if has := o.Payment != nil && o.Payment.Card != nil; has != strings.Contains(path, "confirm") {
			t.Errorf("after%s the row has a card: %t", path, has)
		}
		for name, step := range steps {
			if next, err := step(o); err == nil && left > 0 {
				follow(next, path+" "+name, left-1)
			}
		}
	}
	follow(ordertest.HeldOrder(ordertest.Placed(group, "A-1-1")), "", 5)
	for _, status := range []contracts.Status{contracts.Held, contracts.AwaitingPayment, contracts.Committed, contracts.Confirmed, contracts.Revoked, contracts.Cancelled, contracts.Rejected, contracts.Expired} {
		if !reached[status] {
			t.Errorf("%s was not reached", status)
		}
	}
}

func TestPaymentTransitionsFollowTheStatusGraph(t *testing.T) {
	o := awaiting(t)
	if _, err := o.Confirm(opened); err == nil {
		t.Error("an order was confirmed before it owned its seats")
	}
	sold, err := o.Commit("pi_2", opened)
	if err != nil || sold.Status != contracts.Committed || sold.Payment.IntentID != "pi_2" || sold.DueAt != opened.At+30_000 {
		t.Fatalf("%+v, %v", sold, err)
	}
	for name, refused := range map[string]func() (order.Order, error){
		"cancel":       func() (order.Order, error) { return sold.Cancel(opened) },
		"reject":       func() (order.Order, error) { return sold.Reject(contracts.ReasonSeatLost, nil, opened) },
		"commit again": func() (order.Order, error) { return sold.Commit("pi_3", opened) },
		"await":        func() (order.Order, error) { return sold.AwaitPayment("pi_3", "", opened) },
	} {
		var transition *order.TransitionError
		if _, err := refused(); !errors.As(err, &transition) {
			t.Errorf("%s of a committed order: %v", name, err)
		}
	}
	done, err := sold.Confirm(opened)
	if err != nil || done.Status != contracts.Confirmed || done.OpenGroup != "" {
		t.Errorf("%v", err)
	}
	gone, err := sold.Revoke(opened)
	if err != nil || gone.Status != contracts.Revoked || gone.Reason.Code != contracts.ReasonAuthorizationGone {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := done.Revoke(opened); err == nil {
		t.Error("a confirmed order was revoked")
	}
}

// The latest decline is stored, in whatever order the events arrive. Each stored decline raises the version by one.
func TestTheLatestDeclineWinsInAnyOrder(t *testing.T) {
	first := readmodel.PaymentError{EventID: "evt_1", At: 5000, Code: "card_declined", Message: "No."}
	second := readmodel.PaymentError{EventID: "evt_2", At: 5000, Code: "insufficient_funds", Message: "No."}
	third := readmodel.PaymentError{EventID: "evt_0", At: 6000, Code: "expired_card", Message: "No."}
	for _, events := range [][]readmodel.PaymentError{
		{first, second, third}, {third, second, first}, {second, first, third}, {third, third, first, second}, {first, third, second},
	} {
		o := awaiting(t)
		for _, e := range events {
			next, err := o.NoteDecline(e)
			if err != nil && !errors.Is(err, order.ErrNothingNew) {
				t.Fatal(err)
			}
			if err == nil && (next.Version != o.Version+1 || len(next.History) != len(o.History) || next.Status != o.Status) {
				t.Errorf("a decline made %+v", next)
			}
			o = next
		}
		if o.Payment.LastError.EventID != "evt_0" {
			t.Errorf("%v left %+v", events, o.Payment.LastError)
		}
	}
	held := ordertest.HeldOrder(ordertest.Placed(group, "A-1-1"))
	if _, err := held.NoteDecline(first); !errors.Is(err, order.ErrNothingNew) {
		t.Errorf("an order that awaits no payment: %v", err)
	}
}

func TestEachStepHasItsOwnAttemptNumber(t *testing.T) {
	o := awaiting(t)
	next := o.NextAttempt(order.StepCapture).NextAttempt(order.StepCapture).NextAttempt(order.StepVoid)
	if next.Attempt(order.StepCapture) != 2 || next.Attempt(order.StepVoid) != 1 || next.Attempt(order.StepOpen) != 0 || next.Version != o.Version+3 {
		t.Errorf("%+v at version %d", next.Payment, next.Version)
	}
	if o.Attempt(order.StepCapture) != 0 {
		t.Error("the row before shares memory with the one after")
	}
}
