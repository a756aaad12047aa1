package redisclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"boxoffice/consumers/internal/retry"
)

// errNoAnswer is the cause of a call that Redis did not answer in time.
var errNoAnswer = errors.New("no answer from Redis in time")

// Call runs op through the breaker, within the timeout. After it the result is unknown, neither yes nor no.
func Call(ctx context.Context, breaker retry.Breaker, timeout time.Duration, op func(ctx context.Context) error) error {
	return breaker.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, timeout, errNoAnswer)
		defer cancel()
		err := op(ctx)
		var timedOut net.Error
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			// The client says "i/o timeout"; the cause says whose time was over.
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case errors.As(err, &timedOut) && timedOut.Timeout():
			// The connection has the context's deadline too, and may notice it first.
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		default:
			return err
		}
	})
}
