package reserve

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
)

// Causes of a message that is redelivered.
var (
	errRowIsMissing = errors.New("the order has no row yet")
	errNotReached   = errors.New("not reached: a message before it has to be redelivered")
)

// errNoHandler is the cause of a message on the wrong queue.
var errNoHandler = errors.New("no handler for this kind on this queue")

// update writes the next version.
func update(ctx context.Context, rows Orders, before, after order.Order) error {
	if err := rows.Update(ctx, before, after); err != nil {
		return fmt.Errorf("row %s: %w", after.Status, err)
	}
	return nil
}
