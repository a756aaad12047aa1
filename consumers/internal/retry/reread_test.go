package retry_test

import (
	"testing"

	"boxoffice/consumers/internal/retry"
)

// A row that keeps changing is neither done nor refused: nothing is known of the step.
func TestRereadGivesUpAsRetryable(t *testing.T) {
	calls := 0
	if o := retry.Reread(func() (retry.Outcome, bool) { calls++; return retry.Done(), true }); o.Class != retry.ClassRetryable || o.Err == nil || calls != 3 {
		t.Errorf("after %d calls: %+v", calls, o)
	}
	calls = 0
	if o := retry.Reread(func() (retry.Outcome, bool) { calls++; return retry.Refused("no"), calls < 2 }); o.Class != retry.ClassRefused || calls != 2 {
		t.Errorf("after %d calls: %+v", calls, o)
	}
}
