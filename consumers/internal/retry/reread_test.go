package retry_test

import (
	"errors"
	"fmt"
	"testing"

	"boxoffice/consumers/internal/retry"
)

func TestRereadReturnsTheFirstErrorThatIsNotMoved(t *testing.T) {
	calls := 0
	err := retry.Reread(func() error {
		if calls++; calls < 3 {
			return fmt.Errorf("update: %w", retry.ErrMoved)
		}
		return retry.Refused("no")
	})
	if o := retry.Classify(err); o.Class != retry.ClassRefused || o.Reason != "no" || calls != 3 {
		t.Errorf("after %d calls: %+v", calls, o)
	}
}

// A row that keeps changing is neither done nor refused, since the step was not done. An outer Reread does not multiply the
// reads.
func TestRereadGivesUpAsRetryable(t *testing.T) {
	calls := 0
	err := retry.Reread(func() error {
		return retry.Reread(func() error { calls++; return retry.ErrMoved })
	})
	if !retry.IsRetryable(err) || calls != 4 {
		t.Errorf("after %d calls: %v", calls, err)
	}
}

func TestSafelyReturnsAPanicAsAnError(t *testing.T) {
	var panicked *retry.PanicError
	err := retry.Safely("handler", func() error { panic("boom") })
	if !errors.As(err, &panicked) || panicked.Value != "boom" || panicked.Stack == "" || err.Error() != "handler panicked: boom" || !retry.IsRetryable(err) {
		t.Errorf("%#v", err)
	}
	if err := retry.Safely("handler", func() error { return errBroken }); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}
