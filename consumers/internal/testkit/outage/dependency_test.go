package outage_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// failure is how a dependency fails during an outage.
type failure string

const (
	// refuses: no connection is accepted.
	refuses failure = "refuses"
	// silent: a call has no response and no effect.
	silent failure = "silent"
	// swallows: a call has its effect and no response.
	swallows failure = "swallows"
	// throttles: a call is throttled.
	throttles failure = "throttles"
	// flaps and stalls: half of the calls, by chance, are refused, or have no response and no effect.
	flaps  failure = "flaps"
	stalls failure = "stalls"
)

// dependency is what handlers call. It fails from from until to.
type dependency struct {
	from, to time.Time
	how      failure
	// throttled is its error for a throttled call.
	throttled error
	random    func() *rand.Rand
}

var errRefused = errors.New("connection refused")

func (d *dependency) failing() bool {
	now := time.Now()
	return !now.Before(d.from) && now.Before(d.to)
}

// call makes a call with its effect, unless the dependency is failing.
func (d *dependency) call(ctx context.Context, effect func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.failing() {
		return effect()
	}
	if (d.how == flaps || d.how == stalls) && d.random().IntN(2) == 0 {
		return effect()
	}
	switch d.how {
	case silent, stalls:
		<-ctx.Done()
		return ctx.Err()
	case swallows:
		if err := effect(); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	case throttles:
		return d.throttled
	}
	time.Sleep(time.Millisecond)
	return errRefused
}
