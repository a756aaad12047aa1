package runtimeapi

import (
	"errors"
	"fmt"
)

var (
	// ErrUnknownFunction means that no function has this name.
	ErrUnknownFunction = errors.New("unknown function")
	// ErrStopping means that the host takes no more invocations.
	ErrStopping = errors.New("the host is stopping")
	// ErrNoFreeProcess means that the caller's context ended before a process was free. The function was not invoked.
	ErrNoFreeProcess = errors.New("no free process")
	// ErrThrottled means that the function's reserved concurrency is used up. The function was not invoked.
	ErrThrottled = errors.New("throttled")
	// ErrPayloadTooLarge means that the request is over MaxPayload. The function was not invoked.
	ErrPayloadTooLarge = errors.New("request payload over 6 MB")
)

// Error types as Lambda names them.
const (
	TypeTimeout          = "Sandbox.Timedout"
	TypeExit             = "Runtime.ExitError"
	TypeResponseTooLarge = "Function.ResponseSizeTooLarge"
)

// FunctionError is an invocation that reached a process and failed: the handler returned an error or panicked, the
// process ended, the time ran out, or the answer was too large. The function may have had any part of its effect.
type FunctionError struct {
	Type    string
	Message string
	// Payload is the error document, as Lambda gives it to the caller.
	Payload []byte
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("function failed: %s: %s", e.Type, e.Message)
}

// IsTimeout tells whether the invocation ran out of time.
func IsTimeout(err error) bool {
	var failed *FunctionError
	return errors.As(err, &failed) && failed.Type == TypeTimeout
}

// NotInvoked tells whether the function certainly had no effect, since no process was given the invocation.
func NotInvoked(err error) bool {
	return errors.Is(err, ErrThrottled) || errors.Is(err, ErrNoFreeProcess) || errors.Is(err, ErrStopping) || errors.Is(err, ErrUnknownFunction) || errors.Is(err, ErrPayloadTooLarge)
}

// MayBeInvokedLater tells whether the function was not invoked for a reason that passes. Lambda then tries again, and counts it as
// no attempt.
func MayBeInvokedLater(err error) bool {
	return errors.Is(err, ErrThrottled) || errors.Is(err, ErrNoFreeProcess) || errors.Is(err, ErrStopping)
}
