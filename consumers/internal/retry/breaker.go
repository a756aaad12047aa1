package retry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker"
)

// Breaker stops calls to a dependency that fails anyway. Safe for concurrent use.
type Breaker interface {
	// Do calls op, or refuses with an error that is ErrBreakerOpen without calling it. One call spans a whole run of
	// work or a head alone, never one of several parallel calls: half open it lets one through and refuses the rest.
	Do(ctx context.Context, op func(ctx context.Context) error) error
}

// ErrBreakerOpen says that the call was not made. Classify makes it Retryable, not before the next probe may pass.
var ErrBreakerOpen = errors.New("breaker is open")

// BreakerOpenError is ErrBreakerOpen with the dependency's name.
type BreakerOpenError struct {
	Name string
	// After is the time until a call may pass; 0 while a probe is under way, whose end nobody knows.
	After time.Duration
}

// Error implements error.
func (e *BreakerOpenError) Error() string { return e.Name + ": " + ErrBreakerOpen.Error() }

// Is makes it an ErrBreakerOpen.
func (e *BreakerOpenError) Is(target error) bool { return target == ErrBreakerOpen }

// FailingFor implements Failing. It is no Delayer: taken for the delay itself, the few seconds until the next probe would
// bring every message of an outage back every few seconds, and within minutes healthy ones would be dead letters.
func (e *BreakerOpenError) FailingFor() time.Duration { return e.After }

// BreakerOptions of NewBreaker. A zero field has the default named beside it.
type BreakerOptions struct {
	// Failures in a row that open the breaker. Default 5.
	Failures int
	// OpenFor is how long it stays open before it lets one call through. Default 5 s.
	OpenFor time.Duration
	// IsSuccessful says whether an error still shows a dependency in good health, as a refused condition does. Default:
	// only nil does. A cancelled or timed-out call must not count as healthy: a cancelled probe would close the breaker.
	IsSuccessful func(err error) bool
	// OnStateChange hears of each change: "closed", "open", "half-open". It is called under the breaker's lock: it must
	// be quick and must not call Do.
	OnStateChange func(name, from, to string)
	// Now tells when the breaker opened. Default time.Now. The library reads the process's clock for its own timing, so
	// another clock belongs to simulations with NoBreaker; tests run in a synctest bubble.
	Now func() time.Time
}

// CircuitBreaker is the Breaker of a deployed function.
type CircuitBreaker struct {
	name         string
	openFor      time.Duration
	isSuccessful func(error) bool
	now          func() time.Time
	circuit      *gobreaker.TwoStepCircuitBreaker

	mu sync.Mutex
	// closedUntil is when it opened after it was last closed, zero while it is closed. opened is the latest opening:
	// a failed probe opens it anew.
	closedUntil, opened time.Time
}

var _ Breaker = (*CircuitBreaker)(nil)

// NewBreaker makes a closed breaker in front of the dependency of that name.
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
			b.changed(to)
			if options.OnStateChange != nil {
				options.OnStateChange(name, from.String(), to.String())
			}
		},
	})
	return b
}

func (b *CircuitBreaker) changed(to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch to {
	case gobreaker.StateOpen:
		b.opened = b.now()
		if b.closedUntil.IsZero() {
			b.closedUntil = b.opened
		}
	case gobreaker.StateClosed:
		b.closedUntil = time.Time{}
	case gobreaker.StateHalfOpen:
	}
}

// Do implements Breaker. A context that has ended already is returned as its error and counted as nothing, since the
// dependency was not asked. A panic of op counts as a failure and goes on.
func (b *CircuitBreaker) Do(ctx context.Context, op func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s not called: %w", b.name, err)
	}
	report, err := b.circuit.Allow()
	if err != nil {
		return b.refused(err)
	}
	// Reported in a defer, so that op may also panic or end its goroutine: a probe that never reports would leave the
	// breaker half open for ever.
	healthy := false
	defer func() { report(healthy) }()
	err = op(ctx)
	healthy = b.isSuccessful(err)
	return err
}

func (b *CircuitBreaker) refused(err error) error {
	open := &BreakerOpenError{Name: b.name}
	if errors.Is(err, gobreaker.ErrOpenState) {
		b.mu.Lock()
		defer b.mu.Unlock()
		open.After = max(b.opened.Add(b.openFor).Sub(b.now()), 0)
	}
	return open
}

// OpenSince says how long ago the breaker opened, and false while it is closed. Probes that failed in between do not
// start the count anew, so that it tells how long the dependency has been away.
func (b *CircuitBreaker) OpenSince(now time.Time) (time.Duration, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closedUntil.IsZero() {
		return 0, false
	}
	return max(now.Sub(b.closedUntil), 0), true
}

// NoBreaker lets every call through, for tests and simulations.
type NoBreaker struct{}

// Do implements Breaker.
func (NoBreaker) Do(ctx context.Context, op func(ctx context.Context) error) error { return op(ctx) }
