package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Policy bounds the short retries of Do. A zero field has the default named beside it.
type Policy struct {
	// Attempts is the most calls of the operation, the first one included. Default 3.
	Attempts int
	// Elapsed bounds the time from the first call to the start of the last one. Default 1 s. The library's own default
	// of 15 minutes is three times a hold.
	Elapsed time.Duration
	// Base and Limit shape the full jitter between attempts. Defaults 50 ms and 500 ms.
	Base, Limit time.Duration
	// Source of the jitter. Default SystemSource.
	Source Source
	// Timer makes the timer of one Do. Default a timer of the process.
	Timer func() backoff.Timer
	// Now is the clock that Elapsed and the context's deadline are compared with. Default time.Now.
	Now func() time.Time
}

func (p Policy) withDefaults() Policy {
	if p.Attempts < 1 {
		p.Attempts = 3
	}
	if p.Elapsed <= 0 {
		p.Elapsed = time.Second
	}
	if p.Base <= 0 {
		p.Base = 50 * time.Millisecond
	}
	if p.Limit <= 0 {
		p.Limit = 500 * time.Millisecond
	}
	if p.Source == nil {
		p.Source = SystemSource()
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}

// Permanent marks an error that Do must not try again, as a refused condition. Do returns it with the mark on; the
// mark is invisible to errors.Is and errors.As on the cause. A nil err stays nil.
func Permanent(err error) error { return backoff.Permanent(err) }

// Do calls op until it succeeds, for short retries inside one invocation: a call whose connection broke, say. Waiting
// longer than that is the queue's work. Only one layer retries: what op calls must not retry for itself.
//
// It gives up, with the last error of op, after Attempts or Elapsed; at once on a Permanent error and on one that
// Classify calls Poison; and when the next wait would end after the context's deadline, so that the caller still has
// that time to return its message. A delay that an error asks for replaces the backoff's. When the context ends during a
// wait, the error is both its cause and the last error of op.
func Do(ctx context.Context, p Policy, op func(ctx context.Context) error) error {
	p = p.withDefaults()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not tried: %w", err)
	}
	var last error
	attempts := 0
	pace := &pacing{
		BackOff: NewFullJitter(p.Base, p.Limit, p.Source), policy: p, ctx: ctx, started: p.Now(),
		asked: func() time.Duration { return askedDelay(last) },
	}
	var timer backoff.Timer
	if p.Timer != nil {
		timer = p.Timer()
	}
	// p.Attempts is at least 1, so the conversion holds.
	limits := backoff.WithContext(backoff.WithMaxRetries(pace, uint64(p.Attempts-1)), ctx) //nolint:gosec // G115: never negative
	err := backoff.RetryNotifyWithTimer(func() error {
		attempts++
		last = op(ctx)
		if last != nil && Classify(last).Class == ClassPoison {
			return backoff.Permanent(last)
		}
		return last
	}, limits, nil, timer)
	var permanent *backoff.PermanentError
	switch {
	case err == nil:
		return nil
	case errors.As(last, &permanent), attempts == 1:
		return last
	case ctx.Err() != nil && !errors.Is(last, ctx.Err()):
		return fmt.Errorf("gave up after %d attempts: %w: %w", attempts, context.Cause(ctx), last)
	default:
		return fmt.Errorf("gave up after %d attempts: %w", attempts, last)
	}
}

// pacing adds to the jitter what the library does not know: the context's deadline, a bound on elapsed time that
// counts the coming wait, and delays that errors ask for.
type pacing struct {
	backoff.BackOff
	policy  Policy
	ctx     context.Context
	started time.Time
	asked   func() time.Duration
}

// NextBackOff implements backoff.BackOff.
func (b *pacing) NextBackOff() time.Duration {
	wait := b.BackOff.NextBackOff()
	if asked := b.asked(); asked > 0 {
		wait = asked
	}
	next := b.policy.Now().Add(wait)
	if next.Sub(b.started) > b.policy.Elapsed {
		return backoff.Stop
	}
	if deadline, ok := b.ctx.Deadline(); ok && !next.Before(deadline) {
		return backoff.Stop
	}
	return wait
}
