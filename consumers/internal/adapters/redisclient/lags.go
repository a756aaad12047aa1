package redisclient

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/consumers/internal/retry"
)

// maxLag is a day: longer than any message stays in a queue that is read.
const maxLag = 24 * time.Hour

// ParseLag parses a lag in milliseconds, as Pace and the script hold store it. Anything else means that the lag is not known.
func ParseLag(text string) (behind time.Duration, known bool) {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > maxLag.Milliseconds() {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// Lags reads what the handlers of all instances have stored with Pace. It is safe for concurrent use.
type Lags struct {
	client  redis.UniversalClient
	breaker retry.Breaker
}

// NewLags makes a Lags over the process's client.
func NewLags(client redis.UniversalClient, breaker retry.Breaker) *Lags {
	return &Lags{client: client, breaker: breaker}
}

// readTimeout bounds the read of all lags.
const readTimeout = time.Second

// Lags returns the lags of decisions and of payments; nil is one that nobody has stored lately. It blocks for at most 1 s.
func (l *Lags) Lags(ctx context.Context) (decisions, payments *time.Duration, err error) {
	var read [2]*time.Duration
	err = Call(ctx, l.breaker, readTimeout, func(ctx context.Context) error {
		for i, key := range []string{Decisions.Key, Payments.Key} {
			text, err := l.client.Get(ctx, key).Result()
			if errors.Is(err, redis.Nil) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", key, err)
			}
			if behind, known := ParseLag(text); known {
				read[i] = &behind
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return read[0], read[1], nil
}
