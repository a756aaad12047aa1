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
	// Timeout bounds all of it, as the context's deadline does. Default no bound but that.
	Timeout time.Duration
	// PerAttempt bounds each attempt but the last one that Attempts allows, so that one which hangs leaves time for another.
	// Default what is left.
	PerAttempt time.Duration
	// Again says whether an error is worth another attempt. Default every one but a Permanent and a poisonous one, which
	// never are.
	Again func(error) bool
	// Elapsed bounds the time from the first call to the start of the last one. Default 1 s. The library's own default
	// of 15 minutes is three times a hold.
	Elapsed time.Duration
	// Least is the shortest wait between attempts, to which the jitter is added. Default 0.
	Least time.Duration
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

// Permanent marks an error that Do must not try again, as a refused condition. Do returns it with the mark on; the
// mark is invisible to errors.Is and errors.As on the cause. A nil err stays nil.
func Permanent(err error) error { return backoff.Permanent(err) }

// Do calls op until it succeeds, for short retries inside one invocation: a call whose connection broke, say. Waiting
// longer than that is the queue's work. Only one layer retries: what op calls must not retry for itself.
//
// It gives up, with the last error of op, after Attempts or Elapsed; at once on an error that is not to be tried Again, on a
// Permanent one and on one that Classify calls Poison; and when the next wait would end after the context's deadline, so that
// the caller still has that time to return its message. A delay that an error chooses replaces the backoff's, and none is
// shorter than the time for which an error says that it will last. When the context ends during a wait, the error is both
// its cause and the last error of op.
func Do(ctx context.Context, p Policy, op func(ctx context.Context) error) error {
	p = p.withDefaults()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not tried: %w", err)
	}
	started := p.Now()
	if first := p.attempt(ctx, 1, op); first != nil {
		return p.goOn(ctx, started, first, op)
	}
	return nil
}

// goOn is Do after a first attempt that failed. Nearly all calls succeed at once, and need nothing of it.
func (p Policy) goOn(ctx context.Context, started time.Time, first error, op func(ctx context.Context) error) error {
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout-p.Now().Sub(started))
		defer cancel()
	}
	last, attempts := first, 0
	pace := &pacing{
		BackOff: NewFullJitter(p.Base, p.Limit, p.Source), policy: p, ctx: ctx, started: started,
		last: func() error { return last },
	}
	var timer backoff.Timer
	if p.Timer != nil {
		timer = p.Timer()
	}
	// p.Attempts is at least 1, so the conversion holds.
	limits := backoff.WithContext(backoff.WithMaxRetries(pace, uint64(p.Attempts-1)), ctx) //nolint:gosec // G115: never negative
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

// attempt makes the n-th attempt, within its time.
func (p Policy) attempt(ctx context.Context, n int, op func(ctx context.Context) error) error {
	bound := p.PerAttempt
	if n == 1 && (bound == 0 || n == p.Attempts) {
		bound = p.Timeout // for later ones the context has it
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

// pacing adds to the jitter what the library does not know: the context's deadline, a bound on elapsed time that
// counts the coming wait, and delays that errors ask for.
type pacing struct {
	backoff.BackOff
	policy  Policy
	ctx     context.Context
	started time.Time
	last    func() error
}

// NextBackOff implements backoff.BackOff.
func (b *pacing) NextBackOff() time.Duration {
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
