package runtimeapi

import (
	"errors"
	"fmt"
)

var (
	// ErrUnknownFunction means that no function has this name.
	ErrUnknownFunction = errors.New("unknown function")
	// ErrStopping means that the host accepts no more invocations.
	ErrStopping = errors.New("the host is stopping")
	// ErrNoFreeProcess means that the caller's wait ended before a process was free. The function was not invoked.
	ErrNoFreeProcess = errors.New("no free process")
	// ErrThrottled means that the function's reserved concurrency is used up. The function was not invoked.
	ErrThrottled = errors.New("throttled")
	// ErrPayloadTooLarge means that the request exceeds MaxPayload. The function was not invoked.
	ErrPayloadTooLarge = errors.New("request payload over 6 MB")
)

// Error types, with Lambda's names.
const (
	TypeTimeout          = "Sandbox.Timedout"
	TypeExit             = "Runtime.ExitError"
	TypeResponseTooLarge = "Function.ResponseSizeTooLarge"
)

// FunctionError is an invocation that reached a process and failed: the handler returned an error or panicked, the process ended,
// the timeout expired, or the response was too large. Any part of the function's effect may have happened.
type FunctionError struct {
	Type    string
	Message string
	// Payload is the error document that Lambda returns to the caller.
	Payload []byte
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("function failed: %s: %s", e.Type, e.Message)
}

// IsTimeout reports whether the invocation exceeded the function's timeout.
func IsTimeout(err error) bool {
	var failed *FunctionError
	return errors.As(err, &failed) && failed.Type == TypeTimeout
}

// NotInvoked reports whether the function certainly had no effect, because no process received the invocation.
func NotInvoked(err error) bool {
	return errors.Is(err, ErrThrottled) || errors.Is(err, ErrNoFreeProcess) || errors.Is(err, ErrStopping) || errors.Is(err, ErrUnknownFunction) || errors.Is(err, ErrPayloadTooLarge)
}

// MayBeInvokedLater reports whether the function was not invoked for a temporary reason. Lambda then tries again and does not
// count an attempt.
func MayBeInvokedLater(err error) bool {
	return errors.Is(err, ErrThrottled) || errors.Is(err, ErrNoFreeProcess) || errors.Is(err, ErrStopping)
}
