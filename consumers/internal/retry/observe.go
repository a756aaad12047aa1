package retry

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Result is the result of a call to a dependency, for metrics. It has no effect of its own: Policy.Again decides about another
// attempt, and BreakerOptions.IsSuccessful about the health of the dependency.
type Result string

// Results.
const (
	ResultOK Result = "ok"
	// ResultRefused: a rule of the dependency refused the request, such as a condition or a declined card.
	ResultRefused Result = "refused"
	// ResultConflict: a concurrent write of the same data. Nothing was done.
	ResultConflict Result = "conflict"
	// ResultThrottled: the rate limit was exceeded. Nothing was done.
	ResultThrottled Result = "throttled"
	// ResultInvalid: the request is invalid or not allowed. The same request fails again.
	ResultInvalid Result = "invalid"
	// ResultUnknown: a timeout, a broken connection or an internal failure of the dependency. It is not known whether the
	// request took effect.
	ResultUnknown Result = "unknown"
	// ResultOpen: the breaker was open, so no call was made.
	ResultOpen Result = "open"
)

// Observer is called after each call to a dependency. It must be quick and safe for concurrent use.
type Observer func(result Result, took time.Duration)

// Observed returns a Breaker that reports each call made through b to observe. If the operation calls the package function Do,
// each attempt of it is reported, so that a throttled attempt is seen even if the next one succeeds; otherwise the operation is
// reported as one call. result returns the Result of a non-nil error; the result of nil is ResultOK.
func Observed(b Breaker, result func(error) Result, observe Observer, now func() time.Time) Breaker {
	return &observed{next: b, result: result, observe: observe, now: now}
}

type observed struct {
	next    Breaker
	result  func(error) Result
	observe Observer
	now     func() time.Time
}

// observation is one call through an observed breaker.
type observation struct {
	*observed
	// attempts is the number of attempts of the package function Do.
	attempts atomic.Int64
}

type observationKey struct{}

// Do implements Breaker.
func (b *observed) Do(ctx context.Context, op func(ctx context.Context) error) error {
	called := false
	err := b.next.Do(ctx, func(ctx context.Context) error {
		called = true
		return b.callObserved(ctx, op)
	})
	if !called && errors.Is(err, ErrBreakerOpen) {
		b.observe(ResultOpen, 0)
	}
	return err
}

// callObserved calls op and reports it, without a breaker.
func (b *observed) callObserved(ctx context.Context, op func(ctx context.Context) error) error {
	o := &observation{observed: b}
	began := b.now()
	err := op(context.WithValue(ctx, observationKey{}, o))
	if o.attempts.Load() == 0 {
		o.report(err, began)
	}
	return err
}

func (b *observed) report(err error, began time.Time) {
	result := ResultOK
	if err != nil {
		result = b.result(err)
	}
	b.observe(result, b.now().Sub(began))
}

// Past calls op without the breaker: the call is made whatever the breaker's state is, and its result does not count. If b comes
// from Observed, the call is reported.
func Past(ctx context.Context, b Breaker, op func(ctx context.Context) error) error {
	if o, ok := b.(*observed); ok {
		return o.callObserved(ctx, op)
	}
	return op(ctx)
}

// attempt makes one attempt of Do, and reports it if ctx comes from an observed breaker.
func attempt(ctx context.Context, op func(ctx context.Context) error) error {
	o, ok := ctx.Value(observationKey{}).(*observation)
	if !ok {
		return op(ctx)
	}
	o.attempts.Add(1)
	began := o.now()
	err := op(ctx)
	o.report(err, began)
	return err
}
