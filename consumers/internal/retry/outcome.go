// Package retry has the words for what became of a piece of work, and the means to try again: outcomes, full-jitter
// backoff, short retries inside one invocation, and breakers.
//
// Outcomes are classified here and nowhere else, so that the same error has the same effect in every handler. What an
// outcome does to a message is decided by one switch, in sqsbatch.
package retry

import (
	"errors"
	"time"

	"boxoffice/contracts/message"
)

// Class is what kind of end a piece of work came to.
type Class int

// Classes. The zero Class is ClassRetryable, so that an Outcome that nobody filled in loses no message.
const (
	// ClassRetryable: the result is unknown or a dependency failed. The message is returned, the order is unchanged.
	ClassRetryable Class = iota
	// ClassDone: the effect is there, whoever made it. The message is acknowledged.
	ClassDone
	// ClassRefused: a rule said no and the row says so. The message is acknowledged; it is never a dead letter.
	ClassRefused
	// ClassPoison: another attempt would fail the same way. The message is buried with its reason, then acknowledged.
	ClassPoison
)

// String is the word in logs.
func (c Class) String() string {
	switch c {
	case ClassDone:
		return "done"
	case ClassRefused:
		return "refused"
	case ClassPoison:
		return "poison"
	default:
		return "retryable"
	}
}

// Outcome is what a handler answers for one message.
type Outcome struct {
	Class Class
	// Reason is a stable code, of a refusal or of a poison. "" otherwise.
	Reason string
	// After is a delay that was chosen: the message comes back when it is over, and not later. 0 leaves it to the backoff.
	After time.Duration
	// NotBefore is how long another attempt is known to fail, as while a breaker is open. It shortens nothing: the message
	// stays away for the longest of it and of After or the backoff.
	NotBefore time.Duration
	// Err is the cause, for the log. nil when Done or Refused.
	Err error
}

// Done says that the effect is there.
func Done() Outcome { return Outcome{Class: ClassDone} }

// Refused says that a rule said no, by its reason code, and that the row records it.
func Refused(reason string) Outcome { return Outcome{Class: ClassRefused, Reason: reason} }

// Retry asks for another attempt: after the delay that err asks for, or else when the backoff says so. It is retryable
// whatever Classify would say of err.
func Retry(err error) Outcome {
	return Outcome{Class: ClassRetryable, After: askedDelay(err), NotBefore: failingFor(err), Err: err}
}

// RetryAfter asks for another attempt when d has passed, however often there was one before. A negative d is 0.
func RetryAfter(d time.Duration, err error) Outcome {
	return Outcome{Class: ClassRetryable, After: max(d, 0), Err: err}
}

// Poison says that no attempt can succeed.
func Poison(reason string, err error) Outcome {
	return Outcome{Class: ClassPoison, Reason: reason, Err: err}
}

// ReasonCatalogueMissing is the reason of a PoisonError for a concert, layout or group that the catalogue does not have.
const ReasonCatalogueMissing = "catalogue_missing"

// PoisonError marks a cause that no attempt can cure, as a broken invariant. It may be wrapped.
type PoisonError struct {
	// Reason is a stable code.
	Reason string
	Err    error
}

// Error implements error.
func (e *PoisonError) Error() string {
	if e.Err == nil {
		return "poison: " + e.Reason
	}
	return "poison: " + e.Reason + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *PoisonError) Unwrap() error { return e.Err }

// Delayer is what an error implements that chooses when another attempt is made, as at the caller's turn. 0 leaves it to
// the backoff.
type Delayer interface{ RetryAfter() time.Duration }

// Failing is what an error implements that knows how long another attempt would fail, and not when one succeeds. It is no
// Delayer: in a long outage a backoff must go on growing, since every attempt is a receive and receives are limited.
type Failing interface{ FailingFor() time.Duration }

// delayedError is an error with the delay it asks for.
type delayedError struct {
	after time.Duration
	err   error
}

// WithDelay gives err the delay that it asks for, which Classify and Do follow. A nil err stays nil.
func WithDelay(after time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &delayedError{after: max(after, 0), err: err}
}

func (e *delayedError) Error() string             { return e.err.Error() }
func (e *delayedError) Unwrap() error             { return e.err }
func (e *delayedError) RetryAfter() time.Duration { return e.after }

// Reasons of messages that do not decode.
const (
	ReasonMalformed      = "malformed"
	ReasonUnknownKind    = "unknown_kind"
	ReasonUnknownVersion = "unknown_version"
)

// ReasonAttempts is of a message whose attempts never came back, as from a crash.
const ReasonAttempts = "attempts"

// Classify turns an error into its outcome. nil is Done. A PoisonError, and a message that does not decode, is Poison:
// the next attempt would meet the same bytes. Everything else is as Retry says, since an error that nobody knows is
// neither yes nor no.
func Classify(err error) Outcome {
	if err == nil {
		return Done()
	}
	var poison *PoisonError
	switch {
	case errors.As(err, &poison):
		return Poison(poison.Reason, err)
	case errors.Is(err, message.ErrMalformed):
		return Poison(ReasonMalformed, err)
	case errors.Is(err, message.ErrUnknownKind):
		return Poison(ReasonUnknownKind, err)
	case errors.Is(err, message.ErrUnknownVersion):
		return Poison(ReasonUnknownVersion, err)
	default:
		return Retry(err)
	}
}

// askedDelay is the delay that err asks for, 0 if none.
func askedDelay(err error) time.Duration {
	var delayer Delayer
	if errors.As(err, &delayer) {
		return max(delayer.RetryAfter(), 0)
	}
	return 0
}

// failingFor is how long err says that another attempt would fail, 0 if it does not say.
func failingFor(err error) time.Duration {
	var failing Failing
	if errors.As(err, &failing) {
		return max(failing.FailingFor(), 0)
	}
	return 0
}
