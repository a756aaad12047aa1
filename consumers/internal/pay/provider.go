package pay

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
)

// Provider is Stripe. Each call with a key may be repeated under it and has one effect; what it answers then is what it
// answered first, a refusal too, also where the PaymentIntent has moved since. Every error is a *ProviderError.
//
// It is safe for concurrent use, and tries nothing again by itself: a call that gave no answer is the caller's to repeat.
type Provider interface {
	// Create makes a PaymentIntent that is captured by hand.
	Create(ctx context.Context, key string, p CreateParams) (Created, error)
	Retrieve(ctx context.Context, id string) (stripeevent.Intent, error)
	// Capture takes all that was authorised.
	Capture(ctx context.Context, key, id string) (stripeevent.Intent, error)
	// Cancel gives an authorisation back and ends the PaymentIntent.
	Cancel(ctx context.Context, key, id string) (stripeevent.Intent, error)
	// Undelivered gives each event of stripeevent.Types made since then that an endpoint did not take, oldest first; of
	// more than MaxUndelivered the newest. An error of take ends it, and is then answered as it is.
	Undelivered(ctx context.Context, since contracts.Instant, take func(stripeevent.Event) error) error
	// Intents gives each PaymentIntent made in [from, to), by the second of its making. An error of take ends it, and is then
	// answered as it is.
	Intents(ctx context.Context, from, to contracts.Instant, take func(stripeevent.Intent) error) error
}

// MaxUndelivered bounds the events that are fetched at once. What is older than so many has lost its use: an order that is
// near its end is looked at by CheckPayment, and one that has ended was voided then.
const MaxUndelivered = 1000

// CreateParams are a pure function of the row, so that a repeat under the same key has the same parameters.
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

// Failure is what kind of no the provider gave. The zero Failure is FailureUnknown: neither yes nor no.
type Failure int

// Failures, the one table by which every step acts.
const (
	// FailureUnknown: not called, no answer, a 5xx, too many requests, the key in use, an API key that is not taken. The same
	// call under the same key comes again.
	FailureUnknown Failure = iota
	// FailureReplayed: a 5xx that the key repeats for ever. Only after a look that shows no effect is another key used.
	FailureReplayed
	// FailureState: the PaymentIntent is not in a status that allows the call. Looking at it says what is.
	FailureState
	// FailureDeclined: a card or its bank refused.
	FailureDeclined
	// FailureBug: the request is wrong, or the key was used with other parameters. It would be wrong again.
	FailureBug
)

// ProviderError is a call that did not succeed.
type ProviderError struct {
	Failure Failure
	// Code is Stripe's, for the log.
	Code string
	Err  error
}

// Error implements error.
func (e *ProviderError) Error() string { return fmt.Sprintf("stripe: %s: %v", e.Code, e.Err) }

// Unwrap gives the cause.
func (e *ProviderError) Unwrap() error { return e.Err }

func failureOf(err error) Failure {
	var e *ProviderError
	if errors.As(err, &e) {
		return e.Failure
	}
	return FailureUnknown
}

// key names a step's effect at Stripe: one key, one effect, whoever makes it and however often. attempt rises only as
// order.NextAttempt says.
func key(step, of string, attempt int) string { return fmt.Sprintf("%s:%s:%d", step, of, attempt) }
