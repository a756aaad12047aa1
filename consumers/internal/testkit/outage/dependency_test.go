package outage_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// manner is how a dependency is away.
type manner string

const (
	// refuses: no connection is taken.
	refuses manner = "refuses"
	// silent: nothing is answered, and nothing has an effect.
	silent manner = "silent"
	// swallows: each call has its effect, and no answer comes.
	swallows manner = "swallows"
	// throttles: each call is refused as one too many.
	throttles manner = "throttles"
	// flaps and stalls: of two calls one is refused, or has no answer and no effect, by chance.
	flaps  manner = "flaps"
	stalls manner = "stalls"
)

// dependency is what handlers call, and may be away for a time.
type dependency struct {
	from, to time.Time
	how      manner
	// throttled is its error for one call too many.
	throttled error
	random    func() *rand.Rand
}

var errRefused = errors.New("connection refused")

func (d *dependency) away() bool {
	now := time.Now()
	return !now.Before(d.from) && now.Before(d.to)
}

// call makes a call that has an effect, unless the dependency is away.
func (d *dependency) call(ctx context.Context, effect func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.away() {
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
