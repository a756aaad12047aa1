package order

import (
	"errors"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// AwaitPayment notes the PaymentIntent of a held order. From here on the buyer is shown its client secret.
func (o Order) AwaitPayment(intentID, clientSecret string, c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.AwaitingPayment) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.AwaitingPayment}
	}
	p := o.payment()
	p.IntentID, p.ClientSecret = intentID, clientSecret
	o.Payment = &p.Payment
	return o.become(contracts.AwaitingPayment, c), nil
}

// Commit makes the seats the order's own, in one transaction with their tickets. An open order of any status may be
// committed: an authorisation that exists is never refused for want of a step.
func (o Order) Commit(intentID string, c Cause) (Order, error) {
	if !o.Status.Open() {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Committed}
	}
	p := o.payment()
	p.IntentID, p.LastError = intentID, nil
	o.Payment = &p.Payment
	return o.become(contracts.Committed, c), nil
}

// Confirm is the end of a committed order whose money was taken.
func (o Order) Confirm(c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.Confirmed) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Confirmed}
	}
	return o.become(contracts.Confirmed, c), nil
}

// Revoke is the end of a committed order whose authorisation is gone for good. Its tickets go in the same transaction.
func (o Order) Revoke(c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.Revoked) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Revoked}
	}
	o.Reason = &readmodel.Reason{Code: contracts.ReasonAuthorizationGone, Seats: o.Seats}
	return o.become(contracts.Revoked, c), nil
}

// ErrNothingNew says that a decline, or a later one, is noted already, or that the order awaits no payment.
var ErrNothingNew = errors.New("nothing new")

// NoteDecline notes why a card was refused: a new version, and no new status. Of two the later counts, by the instant and
// then the id of the event, so that events in any order and number lead to the same.
func (o Order) NoteDecline(e readmodel.PaymentError) (Order, error) {
	if o.Status != contracts.AwaitingPayment {
		return o, fmt.Errorf("order %s is %s: %w", o.OrderID, o.Status, ErrNothingNew)
	}
	p := o.payment()
	if last := p.LastError; last != nil && (last.At > e.At || last.At == e.At && last.EventID >= e.EventID) {
		return o, fmt.Errorf("order %s has %s: %w", o.OrderID, last.EventID, ErrNothingNew)
	}
	p.LastError = &e
	o.Payment = &p.Payment
	o.Version++
	return o, nil
}

// Step of a payment that has idempotency keys.
type Step string

// Steps.
const (
	StepOpen    Step = "open"
	StepCapture Step = "capture"
	StepVoid    Step = "void"
)

// Attempt is the number in the next key of a step.
func (o Order) Attempt(s Step) int {
	p := o.payment()
	return *p.attempt(s)
}

// NextAttempt raises that number: a new version, and no new status. It is for an answer that the present key repeats for
// ever, after Stripe was seen to have had no effect.
func (o Order) NextAttempt(s Step) Order {
	p := o.payment()
	*p.attempt(s)++
	o.Payment = &p.Payment
	o.Version++
	return o
}

type payment struct{ readmodel.Payment }

func (p *payment) attempt(s Step) *int {
	switch s {
	case StepCapture:
		return &p.CaptureAttempt
	case StepVoid:
		return &p.VoidAttempt
	default:
		return &p.OpenAttempt
	}
}

// payment is a copy of what the row has of Stripe.
func (o Order) payment() payment {
	if o.Payment == nil {
		return payment{}
	}
	return payment{*o.Payment}
}
