package reserve

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
)

// Errors of messages that are redelivered.
var (
	errRowIsMissing = errors.New("the order has no row yet")
	errNotReached   = errors.New("not reached: a message before it has to be redelivered")
)

// errNoHandler is the error of a message on the wrong queue.
var errNoHandler = errors.New("no handler for this kind on this queue")

// update replaces the row before with its next version after.
func update(ctx context.Context, rows Orders, before, after order.Order) error {
	if err := rows.Update(ctx, before, after); err != nil {
		return fmt.Errorf("row %s: %w", after.Status, err)
	}
	return nil
}
