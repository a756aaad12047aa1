// Package breaker stops the producers' calls to a service of AWS that fails anyway. A buyer waits for the answer and can
// send the order again; a call that only runs into its timeout keeps him waiting, and the process from the next buyer.
package breaker

import (
	"context"
	"errors"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/sony/gobreaker"
)

// failuresToOpen are few, because each may take a whole timeout. openFor is longer than the longest of those, so that
// a process whose probes run into it still has most of its time for buyers.
const (
	failuresToOpen = 3
	openFor        = 5 * time.Second
)

// Breaker stands before one service. It is safe for concurrent use.
type Breaker struct{ circuit *gobreaker.CircuitBreaker }

// New makes a closed breaker before the service of that name.
func New(name string) *Breaker {
	return &Breaker{gobreaker.NewCircuitBreaker(gobreaker.Settings{
		Name:         name,
		Timeout:      openFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
		IsSuccessful: healthy,
	})}
}

// Do makes one call within its timeout, or refuses it with an error while the service fails. The SDK's own second try
// belongs to the call.
func (b *Breaker) Do(ctx context.Context, timeout time.Duration, call func(ctx context.Context) error) error {
	_, err := b.circuit.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return nil, call(ctx)
	})
	return err
}

// healthy: whoever answers, if only to refuse the request, is there. A call that was cancelled or ran out of time says
// nothing good, and a cancelled probe must not close the breaker.
func healthy(err error) bool {
	var answered *awshttp.ResponseError
	if !errors.As(err, &answered) {
		return err == nil
	}
	// The SDK makes a response with status 0 of a connection that never brought one.
	status := answered.HTTPStatusCode()
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}
