package retry

import "errors"

// ErrMoved says that a row is no longer what the caller read, so nothing was written. A store returns it for a refused condition.
// The caller reads the row again, which shows who wrote it: another handler, or the caller's own first attempt, whose response
// was lost.
var ErrMoved = errors.New("the row has changed since it was read")

// maxReads bounds how often a handler reads its row before the message is redelivered.
const maxReads = 4

// errKeepsMoving does not wrap ErrMoved, so that an outer Reread does not start again.
var errKeepsMoving = errors.New("the row kept changing")

// Reread calls readAndWrite until it returns anything but ErrMoved, and returns that. readAndWrite does the steps of a handler
// from the read of its row on. If four calls in a row return ErrMoved, Reread returns a retryable error.
func Reread(readAndWrite func() error) error {
	for range maxReads {
		if err := readAndWrite(); !errors.Is(err, ErrMoved) {
			return err
		}
	}
	return errKeepsMoving
}
