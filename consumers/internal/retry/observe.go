package retry

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Result is what a call to a dependency came to, as it is counted. It decides nothing by itself: Do is told which results
// are worth another attempt, and a breaker which errors show a dependency in good health.
type Result string

// Results.
const (
	ResultOK Result = "ok"
	// ResultRefused: a rule of the dependency said no, as a refused condition or a declined card.
	ResultRefused Result = "refused"
	// ResultConflict: somebody else is writing the same. Nothing was done.
	ResultConflict Result = "conflict"
	// ResultThrottled: one call too many. Nothing was done.
	ResultThrottled Result = "throttled"
	// ResultInvalid: the request is wrong, or not allowed. It would be again.
	ResultInvalid Result = "invalid"
	// ResultUnknown: no answer in time, a broken connection, a failure of the dependency's own. Neither yes nor no.
	ResultUnknown Result = "unknown"
	// ResultOpen: the breaker was open, so there was no call.
	ResultOpen Result = "open"
)

// Observer hears of each call to a dependency. It is called by many at once and must be quick.
type Observer func(result Result, took time.Duration)

// Observed is a breaker whose calls are heard of. Where Do makes them it is each attempt, so that a throttle which the second
// attempt cures is seen as well; where the operation makes its call itself it is the whole of it. result tells what an error
// means; nil is known to be ResultOK.
func Observed(b Breaker, result func(error) Result, observe Observer, now func() time.Time) Breaker {
	return &observed{next: b, result: result, observe: observe, now: now}
}

type observed struct {
	next    Breaker
	result  func(error) Result
	observe Observer
	now     func() time.Time
}

// observation is one call of an observed breaker.
type observation struct {
	*observed
	// attempts are those that Do has reported.
	attempts atomic.Int64
}

type observationKey struct{}

// Do implements Breaker.
func (b *observed) Do(ctx context.Context, op func(ctx context.Context) error) error {
	called := false
	err := b.next.Do(ctx, func(ctx context.Context) error {
		called = true
		return b.watch(ctx, op)
	})
	if !called && errors.Is(err, ErrBreakerOpen) {
		b.observe(ResultOpen, 0)
	}
	return err
}

// watch makes a call that is heard of, through no breaker.
func (b *observed) watch(ctx context.Context, op func(ctx context.Context) error) error {
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

// Past makes a call past a breaker, whatever its state, and without its hearing of the end. An observed one still has it heard
// of.
func Past(ctx context.Context, b Breaker, op func(ctx context.Context) error) error {
	if o, ok := b.(*observed); ok {
		return o.watch(ctx, op)
	}
	return op(ctx)
}

// attempt makes one attempt of Do, and has it heard of where somebody listens.
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
