// Package breaker stops calls to a service that fails. A buyer waits for each call and can send the request again; a call that only
// runs into its timeout keeps the buyer waiting, and keeps the process from the next buyer.
//
// A breaker opens after some failures in a row and refuses every call at once. After a while it lets one call through, the probe:
// if that succeeds the breaker closes, if it fails the breaker stays open for as long again.
package breaker

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/sony/gobreaker"
)

// Settings say when a breaker opens, and for how long.
type Settings struct {
	// Name is the service's, for errors.
	Name string
	// FailuresToOpen is how many failures in a row open the breaker.
	FailuresToOpen uint32
	// OpenFor is how long the breaker refuses calls before its next probe. Probes are timed by the clock of the machine.
	OpenFor time.Duration
	// Healthy says that a call with this error, or nil, shows a working service. Without it only nil does. A cancelled call must
	// not count as healthy: it says nothing good of the service, and a cancelled probe must not close the breaker.
	Healthy func(error) bool
	// Now is the clock of DownFor; nil is time.Now.
	Now func() time.Time
}

// Breaker stands before one service. It is safe for concurrent use.
type Breaker struct {
	circuit *gobreaker.CircuitBreaker
	now     func() time.Time

	mu sync.Mutex
	// downSince is when the breaker first opened after it was last closed; zero while it is closed.
	downSince time.Time
}

// New makes a closed breaker.
func New(s Settings) *Breaker {
	b := &Breaker{now: s.Now}
	if b.now == nil {
		b.now = time.Now
	}
	b.circuit = gobreaker.NewCircuitBreaker(gobreaker.Settings{
		Name:          s.Name,
		Timeout:       s.OpenFor,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= s.FailuresToOpen },
		IsSuccessful:  s.Healthy,
		OnStateChange: b.stateChanged,
	})
	return b
}

func (b *Breaker) stateChanged(_ string, _, to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case to == gobreaker.StateClosed:
		b.downSince = time.Time{}
	case b.downSince.IsZero():
		b.downSince = b.now()
	}
}

// ErrOpen is the error of a call that an open breaker refuses.
var ErrOpen = gobreaker.ErrOpenState

// Do makes one call within its timeout, or refuses it with an error while the service fails. It blocks as long as the call does and
// returns the call's error as it is. Repeated tries of an SDK belong to the call.
func (b *Breaker) Do(ctx context.Context, timeout time.Duration, call func(ctx context.Context) error) error {
	_, err := b.circuit.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return nil, call(ctx)
	})
	return err
}

// Open says that the breaker would refuse a call now. It is false again once a probe may pass.
func (b *Breaker) Open() bool { return b.circuit.State() == gobreaker.StateOpen }

// DownFor returns how long the service has been failing: since the breaker first opened, however many probes failed since. It is 0
// while the breaker is closed.
func (b *Breaker) DownFor() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.downSince.IsZero() {
		return 0
	}
	return b.now().Sub(b.downSince)
}

const (
	// awsFailuresToOpen is small, because each failure may take a whole timeout.
	awsFailuresToOpen = 3
	// awsOpenFor is longer than the longest timeout of a call, so that a process whose probes run into it still has most of its
	// time for buyers.
	awsOpenFor = 5 * time.Second
)

// ForAWS makes a closed breaker before a service of AWS.
func ForAWS(name string) *Breaker {
	return New(Settings{Name: name, FailuresToOpen: awsFailuresToOpen, OpenFor: awsOpenFor, Healthy: awsAnswered})
}

// awsAnswered says that the service answered the call, if only to refuse the request. A call that was cancelled or that ran out of
// time was not answered.
func awsAnswered(err error) bool {
	var answered *awshttp.ResponseError
	if !errors.As(err, &answered) {
		return err == nil
	}
	// The SDK makes a response with status 0 for a connection that never returned one.
	status := answered.HTTPStatusCode()
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}
