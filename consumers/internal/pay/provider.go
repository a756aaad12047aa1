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
	// Undelivered returns a page of the events of stripeevent.Types made since then that an endpoint did not take, the newest
	// first. They are those behind the event named after, or the first ones if it is "".
	Undelivered(ctx context.Context, since contracts.Instant, after string) (EventPage, error)
	// Entries returns a page of the PaymentIntents made in [from, to), by the second of its making, the newest first. They are
	// those behind the PaymentIntent named after, or the first ones if it is "".
	Entries(ctx context.Context, from, to contracts.Instant, after string) (EntryPage, error)
	// Entry retrieves one PaymentIntent as Entries lists it.
	Entry(ctx context.Context, id string) (Entry, error)
}

// EventPage is a page of events. Those that cannot be read are left out and reported in the log: they must not keep back
// the others. Next is what the next page is behind, "" at the end of the list.
type EventPage struct {
	Events []stripeevent.Event
	Next   string
}

// EntryPage is a page of the ledger, with the same rules as an EventPage.
type EntryPage struct {
	Entries []Entry
	Next    string
}

// Entry is a PaymentIntent with what became of its money after it was captured.
type Entry struct {
	stripeevent.Intent
	// Refunded is what was given back of what was received, by whomever.
	Refunded int64
	// Disputed says that the cardholder has asked his bank for the money.
	Disputed bool
}

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

// key names a step's effect at Stripe: one key, one effect, whoever makes it and however often. The environment is a part
// of it, because environments may share an account, and the same order id in both is two orders. attempt rises only as
// order.NextAttempt says.
func (h Pay) key(step string, id contracts.OrderID, attempt int) string {
	return fmt.Sprintf("%s:%s:%s:%d", step, h.Environment, id, attempt)
}

// voidKey is that of a cancel. A PaymentIntent's id is of one environment alone.
func voidKey(intentID string, attempt int) string {
	return fmt.Sprintf("void:%s:%d", intentID, attempt)
}
