package retry

import (
	"fmt"
	"runtime/debug"
)

// PanicError is the error of a function that panicked. It is retryable: it is not known what the function has done, and one
// panic does not show whether the message or the moment was bad.
type PanicError struct {
	// Name names the function for logs.
	Name string
	// Value is the value of the panic.
	Value any
	// Stack is the stack of the panic, as runtime/debug prints it.
	Stack string
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("%s panicked: %v", e.Name, e.Value) }

// Safely calls f and returns its error, or a *PanicError if f panics, so that one message cannot end the process that handles
// others.
func Safely(name string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Name: name, Value: p, Stack: string(debug.Stack())}
		}
	}()
	return f()
}
