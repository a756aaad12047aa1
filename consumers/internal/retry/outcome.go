// Package retry defines what the error of a handler means for its message, and provides full-jitter backoff, short retries
// inside one invocation (Do), and circuit breakers.
//
// A handler returns nil when the effect is there, or an error. By default an error means "redeliver the message"; Refused,
// Poison and WithDelay make errors that mean something else, and a store returns ErrMoved for a refused condition (Reread).
//
// Classify turns an error into its Outcome. It is the only function that does, so the same error has the same effect in every
// handler; sqsbatch is the only caller that carries an Outcome out. Nothing here needs a connection, and time and randomness can
// be replaced in tests.
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

// String returns the word for logs.
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
	// Reason is the stable code of a refusal or of poison, "" otherwise.
	Reason string
	// After is the delay that the error asks for: the message is redelivered after it, and not later. 0 means that the
	// backoff decides.
	After time.Duration
	// NotBefore is the time for which another attempt is known to fail, for example while a breaker is open. It never shortens
	// a delay: the message is invisible for NotBefore or for After (or the backoff), whichever is longer.
	NotBefore time.Duration
	// Err is the cause, for the log. It is nil for ClassDone and ClassRefused.
	Err error
}

// RefusedError says that a rule refused the work. It may be wrapped.
type RefusedError struct {
	// Reason is a stable code.
	Reason string
}

// Error implements error.
func (e *RefusedError) Error() string { return "refused: " + e.Reason }

// Refused returns the error of work that a rule refused, with its reason code. The caller has recorded the refusal in the row,
// or the row shows it already.
func Refused(reason string) error { return &RefusedError{Reason: reason} }

// Poison returns the error of work that would fail in every attempt.
func Poison(reason string, err error) error { return &PoisonError{Reason: reason, Err: err} }

// retryableError makes its cause retryable.
type retryableError struct{ err error }

// Retryable returns an error that Classify calls retryable, whatever it would call err. Retryable(nil) is nil.
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

// PoisonError says that another attempt would fail the same way, for example because of a broken invariant. It may be wrapped.
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

// Unwrap returns the cause.
func (e *PoisonError) Unwrap() error { return e.Err }

// Delayer is implemented by an error that knows when the next attempt should be made. 0 means that the backoff decides.
type Delayer interface{ RetryAfter() time.Duration }

// Failing is implemented by an error that knows for how long another attempt would fail, but not when one would succeed. It
// differs from Delayer because the backoff must keep growing in a long outage: every attempt is a receive, and receives are
// limited.
type Failing interface{ FailingFor() time.Duration }

// delayedError is an error with the delay that it asks for.
type delayedError struct {
	after time.Duration
	err   error
}

// WithDelay returns err as a Delayer that asks for the delay after, at least 0. Classify and Do follow it. WithDelay of a nil err
// is nil.
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

// ReasonAttempts is the reason of a message whose attempts repeatedly ended without a response, as after a crash.
const ReasonAttempts = "attempts"

// Classify returns the outcome of an error. The first line that applies decides:
//   - nil is done;
//   - an error of Retryable, also a wrapped one, is retryable;
//   - a PoisonError is poison with its reason;
//   - a RefusedError is refused with its reason;
//   - an error of a message that does not decode is poison, since the next attempt would read the same bytes;
//   - every other error is retryable, since it does not say whether the effect is there.
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

// IsPoison reports whether Classify calls err poison.
func IsPoison(err error) bool { return Classify(err).Class == ClassPoison }

// IsRetryable reports whether Classify calls err retryable. nil is not retryable.
func IsRetryable(err error) bool { return Classify(err).Class == ClassRetryable }

// askedDelay returns the delay that err asks for, 0 if none.
func askedDelay(err error) time.Duration {
	var delayer Delayer
	if errors.As(err, &delayer) {
		return max(delayer.RetryAfter(), 0)
	}
	return 0
}

// failingFor returns the time for which err says that another attempt would fail, 0 if it does not say.
func failingFor(err error) time.Duration {
	var failing Failing
	if errors.As(err, &failing) {
		return max(failing.FailingFor(), 0)
	}
	return 0
}
