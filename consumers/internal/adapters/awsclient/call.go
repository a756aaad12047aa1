package awsclient

import (
	"context"
	"time"

	"boxoffice/consumers/internal/retry"
)

// attempts of one call: a second one cures nearly all that a moment cures. More would hold up a seat group for the few that
// are left; those the queue brings back. insisting are those of a call that nothing brings back.
const (
	attempts  = 2
	insisting = 4
)

// The wait between two is drawn from shortestWait to longestWait: long enough for a throttle to pass, short enough for a
// handler of 5 s. Of a call that has less time it is at most half of an attempt's share.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 500 * time.Millisecond
)

// Try makes a call within a time, twice if its first answer is a throttle, is lost, or does not come within half of the time.
// It is the one layer that retries: clients of Load make a call once. One Try belongs inside one call of a breaker, which
// hears how it ended.
//
// The second attempt may meet the effect of the first. So op must bear to be repeated: a read; a write whose condition its own
// effect refuses, where the caller compares or reads again; a transaction under one ClientRequestToken; a send with a
// deduplication id. What is not so, as a count, has no Try.
func Try(ctx context.Context, timeout time.Duration, op func(ctx context.Context) error) error {
	return try(ctx, timeout, retry.Policy{Attempts: attempts}, op)
}

// Insist is Try with up to four attempts in the same time, for a call that nobody makes again when it has failed.
func Insist(ctx context.Context, timeout time.Duration, op func(ctx context.Context) error) error {
	return try(ctx, timeout, retry.Policy{Attempts: insisting}, op)
}

// Once is Try without a second attempt, for a call that does not bear one.
func Once(ctx context.Context, timeout time.Duration, op func(ctx context.Context) error) error {
	return retry.Do(ctx, retry.Policy{Attempts: 1, Timeout: timeout}, op)
}

// try is Try with the attempts, the source of the jitter and the clock that the policy has.
func try(ctx context.Context, timeout time.Duration, p retry.Policy, op func(ctx context.Context) error) error {
	if p.Now == nil {
		p.Now = time.Now
	}
	// The time that the invocation has left may be shorter.
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, end.Sub(p.Now()))
	}
	share := timeout / time.Duration(p.Attempts)
	most := min(longestWait, share/2)
	p.Timeout, p.PerAttempt, p.Again = timeout, share, again
	p.Least = min(shortestWait, most)
	p.Base = max(most-p.Least, 1)
	p.Limit, p.Elapsed = p.Base, timeout
	return retry.Do(ctx, p, op)
}

// again says which results another attempt may change. A refused condition and an invalid request would be refused again. A
// conflict is not tried again here either: where it is about the row, somebody else has just moved it, and what helps is to
// read it anew; where it is about a buyer's count, he orders in several groups at once, and each of those would be kept
// waiting for him. Its message comes back.
func again(err error) bool {
	switch ResultOf(err) {
	case retry.ResultThrottled, retry.ResultUnknown:
		return true
	default:
		return false
	}
}
