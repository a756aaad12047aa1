package retry

import "errors"

// ErrMoved says that a row is not what the caller read, so that nothing was written. A store returns it for a refused
// condition; the caller reads the row again, which shows whose write it was: another handler's, or the caller's own first
// attempt, whose answer was lost.
var ErrMoved = errors.New("the row has changed since it was read")

// maxRereads bounds how often a handler reads its row before the message is redelivered.
const maxRereads = 4

// errKeepsMoving does not wrap ErrMoved, so that a Reread around this one does not begin again.
var errKeepsMoving = errors.New("the row kept changing")

// Reread calls once until it returns anything but ErrMoved, four times in all, and returns that. once does the steps of a
// handler from the read of its row on. After the last call the error is retryable.
func Reread(once func() error) error {
	for range maxRereads {
		if err := once(); !errors.Is(err, ErrMoved) {
			return err
		}
	}
	return errKeepsMoving
}
