package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Policy bounds the short retries of Do. A zero field means its default.
type Policy struct {
	// Attempts is the maximum number of calls of the operation, the first one included. Default 3.
	Attempts int
	// Timeout bounds the whole Do, in addition to the context's deadline. By default only the deadline bounds it.
	Timeout time.Duration
	// PerAttempt bounds each attempt except the last one that Attempts allows, so that an attempt that hangs leaves time for
	// another. By default an attempt may take all the time that is left.
	PerAttempt time.Duration
	// Again reports whether another attempt may help after an error. There is none after a Permanent or poison error, whatever
	// Again returns. By default it returns true.
	Again func(error) bool
	// Elapsed bounds the time from the first call to the start of the last one. Default 1 s. The library's own default of
	// 15 minutes is three times as long as a hold.
	Elapsed time.Duration
	// Least is the shortest wait between two attempts; the jitter is added to it. Default 0.
	Least time.Duration
	// Base and Limit are the base and the limit of the full jitter between attempts. Defaults 50 ms and 500 ms.
	Base, Limit time.Duration
	// Source is the source of the jitter. It must be safe for concurrent use if calls of Do share it. Default SystemSource.
	Source Source
	// Timer returns the timer of one Do. Default a timer of the process.
	Timer func() backoff.Timer
	// Now is the clock for Elapsed and for the context's deadline. Default time.Now.
	Now func() time.Time
}

func (p Policy) withDefaults() Policy {
	if p.Attempts < 1 {
		p.Attempts = 3
	}
	if p.Again == nil {
		p.Again = func(error) bool { return true }
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

// Permanent marks an error after which Do must not try again, such as a refused condition. Do returns the marked error, and
// errors.Is and errors.As find its cause. Permanent(nil) is nil.
func Permanent(err error) error { return backoff.Permanent(err) }

// Do calls op until it succeeds, for short retries inside one invocation, for example after a broken connection. Longer waits
// are left to the queue. Only one layer may retry: op must not call anything that retries by itself.
//
// Do returns the last error of op
//   - when Attempts or Elapsed is used up;
//   - at once after an error for which Again returns false, a Permanent error, or one that Classify calls poison;
//   - when the next wait would end after the context's deadline, so that the caller has the rest of the time to return its
//     message.
//
// If an error asks for a delay (Delayer), that delay replaces the backoff. No wait is shorter than the time for which an error
// says that attempts fail (Failing). If the context ends during a wait, the returned error wraps both the context's cause and
// the last error of op.
func Do(ctx context.Context, p Policy, op func(ctx context.Context) error) error {
	p = p.withDefaults()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not tried: %w", err)
	}
	started := p.Now()
	if first := p.attempt(ctx, 1, op); first != nil {
		return p.tryAgain(ctx, started, first, op)
	}
	return nil
}

// tryAgain does the part of Do that follows a failed first attempt. Nearly all calls succeed at once, so Do does not pay for
// this part.
func (p Policy) tryAgain(ctx context.Context, started time.Time, first error, op func(ctx context.Context) error) error {
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout-p.Now().Sub(started))
		defer cancel()
	}
	last, attempts := first, 0
	waits := &boundedBackOff{
		BackOff: NewFullJitter(p.Base, p.Limit, p.Source), policy: p, ctx: ctx, started: started,
		last: func() error { return last },
	}
	var timer backoff.Timer
	if p.Timer != nil {
		timer = p.Timer()
	}
	// p.Attempts is at least 1, so the conversion does not overflow.
	limits := backoff.WithContext(backoff.WithMaxRetries(waits, uint64(p.Attempts-1)), ctx) //nolint:gosec // G115: never negative
	err := backoff.RetryNotifyWithTimer(func() error {
		if attempts++; attempts > 1 {
			last = p.attempt(ctx, attempts, op)
		}
		if last != nil && (!p.Again(last) || Classify(last).Class == ClassPoison) {
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

// attempt makes the n-th attempt, counted from 1, within its time.
func (p Policy) attempt(ctx context.Context, n int, op func(ctx context.Context) error) error {
	bound := p.PerAttempt
	if n == 1 && (bound == 0 || n == p.Attempts) {
		bound = p.Timeout // the context of later attempts is bounded by tryAgain
	} else if n == p.Attempts {
		bound = 0
	}
	if bound > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, bound)
		defer cancel()
	}
	return attempt(ctx, op)
}

// boundedBackOff adds to the jitter what the library does not support: the context's deadline, a bound on the elapsed time that
// includes the next wait, and delays that errors ask for.
type boundedBackOff struct {
	backoff.BackOff
	policy  Policy
	ctx     context.Context
	started time.Time
	// last returns the error of the last attempt.
	last func() error
}

// NextBackOff implements backoff.BackOff.
func (b *boundedBackOff) NextBackOff() time.Duration {
	wait := b.policy.Least + b.BackOff.NextBackOff()
	if asked := askedDelay(b.last()); asked > 0 {
		wait = asked
	}
	wait = max(wait, failingFor(b.last()))
	next := b.policy.Now().Add(wait)
	if next.Sub(b.started) > b.policy.Elapsed {
		return backoff.Stop
	}
	if deadline, ok := b.ctx.Deadline(); ok && !next.Before(deadline) {
		return backoff.Stop
	}
	return wait
}
