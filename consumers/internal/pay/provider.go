package pay

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
)

// Provider is Stripe. A call may be repeated under its key and has one effect. A repeat returns the first response, also a
// refusal, and also if the PaymentIntent has changed since. Every error is a *ProviderError.
//
// It is safe for concurrent use. It blocks for one call and never repeats one: after a call without a response the caller does.
type Provider interface {
	// Create makes a PaymentIntent that is captured by a call of Capture.
	Create(ctx context.Context, key string, p CreateParams) (Created, error)
	// Retrieve returns a PaymentIntent with its latest charge.
	Retrieve(ctx context.Context, id string) (stripeevent.Intent, error)
	// Capture takes the whole amount that was authorised. It returns the PaymentIntent with its charge, so that the card is known
	// without a second call.
	Capture(ctx context.Context, key, id string) (stripeevent.Intent, error)
	// Cancel ends the PaymentIntent and releases its authorisation.
	Cancel(ctx context.Context, key, id string) (stripeevent.Intent, error)
	// Undelivered returns a page of the events of stripeevent.Types, made at since or later, that were not delivered to an
	// endpoint, the newest first. The page begins behind the event with the id after, or at the newest if it is "".
	Undelivered(ctx context.Context, since contracts.Instant, after string) (EventPage, error)
	// Entries returns a page of the PaymentIntents made in [from, to), to the second, the newest first. The page begins behind
	// the PaymentIntent with the id after, or at the newest if it is "".
	Entries(ctx context.Context, from, to contracts.Instant, after string) (EntryPage, error)
	// Entry retrieves one PaymentIntent as Entries lists it.
	Entry(ctx context.Context, id string) (Entry, error)
}

// EventPage is a page of events. Events that cannot be read are left out and logged, so that they do not block the others. Next is
// the id behind which the next page begins, "" at the end of the list.
type EventPage struct {
	Events []stripeevent.Event
	Next   string
}

// EntryPage is a page of the ledger, with the same rules as an EventPage.
type EntryPage struct {
	Entries []Entry
	Next    string
}

// Entry is a PaymentIntent with its refunds and disputes.
type Entry struct {
	stripeevent.Intent
	// Refunded is how much of the received amount was refunded, by this program or at the dashboard, in minor units.
	Refunded int64
	// Disputed says that the cardholder disputes the charge at the bank.
	Disputed bool
}

// CreateParams are the parameters of Create. They depend on the row alone, so that a repeat under the same key has the same ones.
type CreateParams struct {
	Amount   contracts.Money
	Metadata map[string]string
}

// Created is a new PaymentIntent with the secret that lets its buyer confirm it.
type Created struct {
	ID, ClientSecret string
}

// Statuses of a PaymentIntent that a step acts on.
const (
	StatusRequiresMethod  = "requires_payment_method"
	StatusRequiresConfirm = "requires_confirmation"
	StatusRequiresAction  = "requires_action"
	StatusRequiresCapture = "requires_capture"
	StatusSucceeded       = "succeeded"
	StatusCanceled        = "canceled"
)

// Failure classifies a failed call. The zero value means that the result is unknown.
type Failure int

// Failures. Every step acts by these alone.
const (
	// FailureUnknown: not called, no response, a 5xx, too many requests, the key in use, or an API key that is not accepted. The
	// step makes the same call under the same key again.
	FailureUnknown Failure = iota
	// FailureReplayed: a 5xx that the key repeats for ever. The step uses another key, except for a create only after a read
	// that shows no effect.
	FailureReplayed
	// FailureState: the status of the PaymentIntent does not allow the call. The step reads the PaymentIntent.
	FailureState
	// FailureDeclined: a card or its bank refused.
	FailureDeclined
	// FailureBug: the request is wrong, or the key was used with other parameters. Every repeat would fail.
	FailureBug
)

// ProviderError is the error of a failed call.
type ProviderError struct {
	Failure Failure
	// Code is Stripe's code, for the log.
	Code string
	Err  error
}

// Error implements error.
func (e *ProviderError) Error() string { return fmt.Sprintf("stripe: %s: %v", e.Code, e.Err) }

// Unwrap returns the cause.
func (e *ProviderError) Unwrap() error { return e.Err }

func failureOf(err error) Failure {
	var e *ProviderError
	if errors.As(err, &e) {
		return e.Failure
	}
	return FailureUnknown
}

// key is the idempotency key of a step: one key has one effect, however often and by whichever process the call is made. It has
// the environment, because environments may share an account, and the same order id in two of them is two orders. attempt rises
// only by order.NextAttempt.
func (h Pay) key(step string, id contracts.OrderID, attempt int) string {
	return fmt.Sprintf("%s:%s:%s:%d", step, h.Environment, id, attempt)
}

// voidKey is the idempotency key of a cancel. It has no environment, since a PaymentIntent's id belongs to one.
func voidKey(intentID string, attempt int) string {
	return fmt.Sprintf("void:%s:%d", intentID, attempt)
}
