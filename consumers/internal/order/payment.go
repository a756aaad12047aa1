package order

import (
	"errors"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// AwaitPayment stores the PaymentIntent of a held order. From then on the buyer sees the client secret.
func (o Order) AwaitPayment(intentID, clientSecret string, c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.AwaitingPayment) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.AwaitingPayment}
	}
	p := o.payment()
	p.IntentID, p.ClientSecret = intentID, clientSecret
	o.Payment = &p.Payment
	return o.become(contracts.AwaitingPayment, c), nil
}

// Commit gives the seats to the order. The row must be written in one transaction with the tickets. Every open status can become
// COMMITTED, so that an existing authorisation is never refused because of a missing step.
func (o Order) Commit(intentID string, c Cause) (Order, error) {
	if !o.Status.Open() {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Committed}
	}
	p := o.payment()
	p.IntentID, p.LastError = intentID, nil
	o.Payment = &p.Payment
	return o.become(contracts.Committed, c), nil
}

// PaidBy adds the card that paid the order to the version that a transition makes. nil, if the card is not known, adds nothing.
func (o Order) PaidBy(card *readmodel.Card) Order {
	if card == nil {
		return o
	}
	p := o.payment()
	p.Card = card
	o.Payment = &p.Payment
	return o
}

// Confirm settles a committed order after its money was taken.
func (o Order) Confirm(c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.Confirmed) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Confirmed}
	}
	return o.become(contracts.Confirmed, c), nil
}

// Revoke ends a committed order whose authorisation has finally been lost. The row must be written in one transaction that
// deletes the tickets.
func (o Order) Revoke(c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.Revoked) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Revoked}
	}
	o.Reason = &readmodel.Reason{Code: contracts.ReasonAuthorizationGone, Seats: o.Seats}
	return o.become(contracts.Revoked, c), nil
}

// ErrNothingNew means that this decline or a later one is already stored, or that the order awaits no payment.
var ErrNothingNew = errors.New("nothing new")

// NoteDecline stores why a card was refused: the version rises, the status stays. The latest event wins, by its instant and then
// by its id, so that the result does not depend on the order and number of the events.
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

// Step is a step of a payment that has idempotency keys at Stripe.
type Step string

// Steps of a payment.
const (
	StepOpen    Step = "open"
	StepCapture Step = "capture"
	StepVoid    Step = "void"
)

// Attempt returns the number in the next idempotency key of a step.
func (o Order) Attempt(s Step) int {
	p := o.payment()
	return *p.attempt(s)
}

// NextAttempt raises the number in the key of a step: the version rises, the status stays. It must be used only if Stripe has
// answered the current key with an error, which Stripe repeats for ever, and a read has shown that the step had no effect.
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

// payment returns a copy of the payment in the row.
func (o Order) payment() payment {
	if o.Payment == nil {
		return payment{}
	}
	return payment{*o.Payment}
}
