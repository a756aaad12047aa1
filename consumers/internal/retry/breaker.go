package retry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker"
)

// Breaker stops calls to a dependency while they are likely to fail. It is safe for concurrent use.
type Breaker interface {
	// Do calls op and returns its error, or returns an error that is ErrBreakerOpen without calling op. It does not block
	// except in op. Wrap a whole unit of work in one call, never each of several parallel calls: a half-open breaker lets
	// one call through and refuses the others.
	Do(ctx context.Context, op func(ctx context.Context) error) error
}

// ErrBreakerOpen says that the call was not made. Classify returns ClassRetryable for it, with the time until the next probe as
// NotBefore.
var ErrBreakerOpen = errors.New("breaker is open")

// BreakerOpenError is ErrBreakerOpen with the dependency's name.
type BreakerOpenError struct {
	Name string
	// After is the time until the breaker lets a call through, at least 0. It is 0 while a probe is running, since the end of
	// the probe is not known.
	After time.Duration
}

// Error implements error.
func (e *BreakerOpenError) Error() string { return e.Name + ": " + ErrBreakerOpen.Error() }

// Is reports whether target is ErrBreakerOpen.
func (e *BreakerOpenError) Is(target error) bool { return target == ErrBreakerOpen }

// FailingFor implements Failing. The error is not a Delayer: with the few seconds until the next probe as its delay, every
// message would be redelivered every few seconds of an outage, and within minutes healthy messages would be dead letters.
func (e *BreakerOpenError) FailingFor() time.Duration { return e.After }

// BreakerOptions are the options of NewBreaker. A zero field means its default.
type BreakerOptions struct {
	// Failures is the number of consecutive failures that opens the breaker. Default 5.
	Failures int
	// OpenFor is how long the breaker stays open before it lets one call through. Default 5 s.
	OpenFor time.Duration
	// IsSuccessful reports whether an error shows that the dependency is healthy, as a refused condition does. By default
	// only nil does. It must return false for a cancelled or timed-out call: a cancelled probe would close the breaker.
	IsSuccessful func(err error) bool
	// OnStateChange is called on each change of state: "closed", "open" or "half-open". It is called with the breaker's
	// lock held, so it must be quick and must not call Do.
	OnStateChange func(name, from, to string)
	// Now returns the time at which the breaker opens. Default time.Now. The library uses the process's clock for its own
	// timing, so a simulation with another clock uses NoBreaker, and tests run in a synctest bubble.
	Now func() time.Time
}

// CircuitBreaker is the Breaker of a deployed function: it opens after consecutive failures, and lets one call through as a
// probe after a fixed time. It is safe for concurrent use.
type CircuitBreaker struct {
	name         string
	openFor      time.Duration
	isSuccessful func(error) bool
	now          func() time.Time
	circuit      *gobreaker.TwoStepCircuitBreaker

	mu sync.Mutex
	// opened is the time at which the breaker last opened. A failed probe opens it again.
	opened time.Time
}

var _ Breaker = (*CircuitBreaker)(nil)

// NewBreaker returns a closed breaker for the dependency of that name.
func NewBreaker(name string, options BreakerOptions) *CircuitBreaker {
	if options.Failures < 1 {
		options.Failures = 5
	}
	if options.OpenFor <= 0 {
		options.OpenFor = 5 * time.Second
	}
	if options.IsSuccessful == nil {
		options.IsSuccessful = func(err error) bool { return err == nil }
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	b := &CircuitBreaker{name: name, openFor: options.OpenFor, isSuccessful: options.IsSuccessful, now: options.Now}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker(gobreaker.Settings{
		Name:        name,
		MaxRequests: 1,
		Timeout:     options.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(options.Failures) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			b.noteState(to)
			if options.OnStateChange != nil {
				options.OnStateChange(name, from.String(), to.String())
			}
		},
	})
	return b
}

// noteState stores when the breaker opened.
func (b *CircuitBreaker) noteState(to gobreaker.State) {
	if to != gobreaker.StateOpen {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened = b.now()
}

// Do implements Breaker. If ctx has already ended, Do returns its error and counts nothing, since the dependency was not
// called. A panic of op counts as a failure and is not recovered.
func (b *CircuitBreaker) Do(ctx context.Context, op func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s not called: %w", b.name, err)
	}
	report, err := b.circuit.Allow()
	if err != nil {
		return b.openError(err)
	}
	// The deferred call reports also when op panics or ends its goroutine. A probe that never reports would leave the breaker
	// half open for ever.
	healthy := false
	defer func() { report(healthy) }()
	err = op(ctx)
	healthy = b.isSuccessful(err)
	return err
}

// openError returns the error of a call that gobreaker refused with err.
func (b *CircuitBreaker) openError(err error) error {
	open := &BreakerOpenError{Name: b.name}
	if errors.Is(err, gobreaker.ErrOpenState) {
		b.mu.Lock()
		defer b.mu.Unlock()
		open.After = max(b.opened.Add(b.openFor).Sub(b.now()), 0)
	}
	return open
}

// NoBreaker is a Breaker that lets every call through, for tests and simulations.
type NoBreaker struct{}

// Do implements Breaker.
func (NoBreaker) Do(ctx context.Context, op func(ctx context.Context) error) error { return op(ctx) }
