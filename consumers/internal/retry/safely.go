package retry

import (
	"fmt"
	"runtime/debug"
)

// PanicError is the error of a function that panicked. It is retryable: what the function left undone is not known, and one
// panic does not tell a bad message from a bad moment.
type PanicError struct {
	// Name is what panicked.
	Name string
	// Value is what it panicked with.
	Value any
	// Stack is where, as runtime/debug prints it.
	Stack string
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("%s panicked: %v", e.Name, e.Value) }

// Safely calls f and returns its error, or a *PanicError if it panics, so that one message's fault does not end the process
// that handles others.
func Safely(name string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Name: name, Value: p, Stack: string(debug.Stack())}
		}
	}()
	return f()
}
