// Package retry says what the error of a handler means, and has the means to try again: full-jitter backoff, short retries
// inside one invocation, and breakers.
//
// A handler returns an error, or nil when the effect is there. Refused, Poison and WithDelay make the errors that mean more
// than "try again"; a store returns ErrMoved. Classify turns an error into its Outcome. It is the only place that does, so
// that the same error has the same effect in every handler, and sqsbatch is its only caller that decides what becomes of a
// message.
package retry

import (
	"errors"
	"time"

	"boxoffice/contracts/message"
)

// Class is the kind of an outcome.
type Class int

// Classes. The zero Class is ClassRetryable, so that an empty Outcome loses no message.
const (
	// ClassRetryable: the result is unknown or a dependency failed. The message is redelivered, the order is unchanged.
	ClassRetryable Class = iota
	// ClassDone: the effect is there, from this attempt or an earlier one. The message is acknowledged.
	ClassDone
	// ClassRefused: a rule refused the work, and the row records it. The message is acknowledged; it is never a dead letter.
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

// Outcome is what the error of a handler means for its message.
type Outcome struct {
	Class Class
	// Reason is a stable code, of a refusal or of a poison. "" otherwise.
	Reason string
	// After is a delay that the error chose: the message is redelivered when it has passed, and not later. 0 leaves the
	// delay to the backoff.
	After time.Duration
	// NotBefore is how long another attempt is known to fail, as while a breaker is open. It shortens no delay: the message
	// is invisible for the longest of it and of After or the backoff.
	NotBefore time.Duration
	// Err is the cause, for the log. nil when Done or Refused.
	Err error
}

// RefusedError says that a rule refused the work. It may be wrapped.
type RefusedError struct {
	// Reason is a stable code.
	Reason string
}

// Error implements error.
func (e *RefusedError) Error() string { return "refused: " + e.Reason }

// Refused returns the error of work that a rule refused, by its reason code. The caller has recorded it in the row, or the
// row shows it.
func Refused(reason string) error { return &RefusedError{Reason: reason} }

// Poison returns the error of work that no attempt can do.
func Poison(reason string, err error) error { return &PoisonError{Reason: reason, Err: err} }

// retryableError hides what its cause would mean.
type retryableError struct{ err error }

// Retryable returns an error that is retryable whatever Classify would say of err. A nil err stays nil.
func Retryable(err error) error {
	if err == nil {
		return nil
	}
	return &retryableError{err}
}

func (e *retryableError) Error() string { return e.err.Error() }
func (e *retryableError) Unwrap() error { return e.err }

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

// Classify turns an error into its outcome. nil is done. A PoisonError is poison, and so is a message that does not decode:
// the next attempt would read the same bytes. Every other error is retryable, since an unknown error says neither that the
// effect is there nor that it is not.
func Classify(err error) Outcome {
	if err == nil {
		return Outcome{Class: ClassDone}
	}
	var (
		hidden  *retryableError
		refused *RefusedError
		poison  *PoisonError
	)
	switch {
	case errors.As(err, &hidden):
		return retryable(err)
	case errors.As(err, &poison):
		return Outcome{Class: ClassPoison, Reason: poison.Reason, Err: err}
	case errors.As(err, &refused):
		return Outcome{Class: ClassRefused, Reason: refused.Reason}
	case errors.Is(err, message.ErrMalformed):
		return Outcome{Class: ClassPoison, Reason: ReasonMalformed, Err: err}
	case errors.Is(err, message.ErrUnknownKind):
		return Outcome{Class: ClassPoison, Reason: ReasonUnknownKind, Err: err}
	case errors.Is(err, message.ErrUnknownVersion):
		return Outcome{Class: ClassPoison, Reason: ReasonUnknownVersion, Err: err}
	default:
		return retryable(err)
	}
}

func retryable(err error) Outcome {
	return Outcome{Class: ClassRetryable, After: askedDelay(err), NotBefore: failingFor(err), Err: err}
}

// IsPoison says whether Classify calls an error poison.
func IsPoison(err error) bool { return Classify(err).Class == ClassPoison }

// IsRetryable says whether Classify calls an error retryable. nil is not.
func IsRetryable(err error) bool { return Classify(err).Class == ClassRetryable }

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
