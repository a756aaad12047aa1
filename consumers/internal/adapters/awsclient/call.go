package awsclient

import (
	"context"
	"time"

	"boxoffice/consumers/internal/retry"
)

// attempts bounds Try: a second attempt cures nearly all short failures, and more would hold up a seat group for the few
// that are left, whose messages the queue redelivers. insisting bounds Insist, for a call that nothing repeats later.
const (
	attempts  = 2
	insisting = 4
)

// The wait between two attempts is random, from shortestWait to longestWait: long enough for a throttle to pass, short
// enough for a handler of 5 s. With less time left it is at most half of an attempt's share.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 500 * time.Millisecond
)

// Try makes a call, bounded by timeout in all. It makes a second attempt if the first is throttled, its answer is lost, or
// it takes longer than half of the time. Try is the one layer that retries: clients of Load make a call once. Make one Try
// inside one call of a breaker, which sees the final result.
//
// The second attempt may find the effect of the first. So op must be safe to repeat: a read; a write whose condition its
// own effect refuses, where the caller compares or reads again; a transaction with one ClientRequestToken; a send with a
// deduplication id. For anything else, such as a count, use Once.
func Try(ctx context.Context, timeout time.Duration, op func(ctx context.Context) error) error {
	return try(ctx, timeout, retry.Policy{Attempts: attempts}, op)
}

// Insist is Try with up to four attempts in the same time, for a call that is not repeated later when it fails.
func Insist(ctx context.Context, timeout time.Duration, op func(ctx context.Context) error) error {
	return try(ctx, timeout, retry.Policy{Attempts: insisting}, op)
}

// Once is Try without a second attempt, for a call that is not safe to repeat.
func Once(ctx context.Context, timeout time.Duration, op func(ctx context.Context) error) error {
	return retry.Do(ctx, retry.Policy{Attempts: 1, Timeout: timeout}, op)
}

// try is Try with the attempts, the random source and the clock of the policy.
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

// again reports whether another attempt may change the result. A refused condition and an invalid request would be refused
// again. A conflict is not repeated here either. If it is about the row, another process has just changed it, and the
// caller must read it again. If it is about a buyer's count, the buyer orders in several groups at once, and a wait would
// hold up each of them. The message is redelivered.
func again(err error) bool {
	switch ResultOf(err) {
	case retry.ResultThrottled, retry.ResultUnknown:
		return true
	default:
		return false
	}
}
