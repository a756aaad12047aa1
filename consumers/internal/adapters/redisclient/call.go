package redisclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"boxoffice/consumers/internal/retry"
)

// errNoAnswer is the cause of a call that Redis did not answer within its timeout.
var errNoAnswer = errors.New("no answer from Redis in time")

// Call runs op through the breaker, bounded by the timeout. After a timeout the result is unknown.
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
			// The client only says "i/o timeout"; the cause says which timeout ended the call.
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case errors.As(err, &timedOut) && timedOut.Timeout():
			// The connection has the context's deadline too, and may reach it first.
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		default:
			return err
		}
	})
}
