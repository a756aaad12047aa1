package reserve

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
)

// attempts bounds how often a row may change under a handler before the message goes back.
const attempts = 3

// Causes of a message that comes again.
var (
	errRowKeepsChanging = errors.New("the row kept changing")
	errRowIsMissing     = errors.New("the order has no row yet")
	errNotReached       = errors.New("not reached: an order before it must come again")
)

// errNoHandler is the cause of a message on the wrong queue.
var errNoHandler = errors.New("no handler for this kind on this queue")

// reread does the steps from the read of the row on, again whenever the row changed between the read and the write.
func reread(once func() (outcome retry.Outcome, again bool)) retry.Outcome {
	for range attempts {
		if outcome, again := once(); !again {
			return outcome
		}
	}
	return retry.Retry(errRowKeepsChanging)
}

// ended says whether an order has ended without ever being paid for: its seats in Redis are given back once more.
func ended(s contracts.Status) bool {
	return s == contracts.Rejected || s == contracts.Expired || s == contracts.Cancelled
}

// updated writes the next version; again is true when the row has changed.
func updated(ctx context.Context, rows Orders, before, after order.Order) (again bool, err error) {
	done, err := rows.Update(ctx, before, after)
	if err != nil {
		return false, fmt.Errorf("row %s: %w", after.Status, err)
	}
	return !done, nil
}
