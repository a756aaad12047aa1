package reserve

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
)

// Causes of a message that comes again.
var (
	errRowIsMissing = errors.New("the order has no row yet")
	errNotReached   = errors.New("not reached: an order before it must come again")
)

// errNoHandler is the cause of a message on the wrong queue.
var errNoHandler = errors.New("no handler for this kind on this queue")

// updated writes the next version; again is true when the row has changed.
func updated(ctx context.Context, rows Orders, before, after order.Order) (again bool, err error) {
	done, err := rows.Update(ctx, before, after)
	if err != nil {
		return false, fmt.Errorf("row %s: %w", after.Status, err)
	}
	return !done, nil
}
