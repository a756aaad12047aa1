package pay

import (
	"context"
	"errors"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// Class is the purpose of a call to the provider.
type Class string

// Classes. Captures and cancels are more urgent than a buyer's client secret, so Opening leaves the last tokens of their common
// bucket to Settling.
const (
	// Opening makes a PaymentIntent.
	Opening Class = "opening"
	// Settling captures, cancels and refunds.
	Settling Class = "settling"
	// Reading retrieves PaymentIntents and lists events. It has a bucket of its own.
	Reading Class = "reading"
	// Auditing reads the ledger. It takes from the bucket of Reading and leaves the last tokens to Reading, for which buyers
	// wait.
	Auditing Class = "auditing"
)

// Classes returns all classes.
func Classes() []Class { return []Class{Opening, Settling, Reading, Auditing} }

// Bucket has the tokens for calls to the provider. It refills at the rate that the account allows and holds the tokens of a
// tenth of a second, so that no second has more calls than the rate and those tokens.
type Bucket interface {
	// Take takes a token for a call of this class and returns 0. If there is none, it takes nothing and returns how long the
	// caller waits before it asks again, at most MaxTurn. Callers get different turns, at the rate of the bucket, so that they
	// do not all ask at once; a turn promises no token. Take does not wait for a token and is safe for concurrent use. The
	// error means that the bucket is unreachable.
	Take(ctx context.Context, c Class) (wait time.Duration, err error)
}

// MaxTurn is the longest wait for a turn: the longest time for which a returned message stays invisible.
const MaxTurn = retry.MaxVisibility

// Rates are how many writes and reads an account allows in a second, at least 1 each.
type Rates struct{ Writes, Reads int }

// LiveRates and TestRates are Stripe's default limits, in live mode and in test mode.
var (
	LiveRates = Rates{Writes: 100, Reads: 100}
	TestRates = Rates{Writes: 25, Reads: 25}
)

// Share returns a part of the rates, from 0 to 1, at least 1 each: what one instance may use while it cannot reach the others.
func (r Rates) Share(part float64) Rates {
	of := func(n int) int { return max(1, int(float64(n)*part)) }
	return Rates{Writes: of(r.Writes), Reads: of(r.Reads)}
}

// Rate is a bucket as a class sees it, in whole numbers, so that every store of buckets has the same results.
type Rate struct {
	// Bucket is its name.
	Bucket string
	// PerSecond is how many tokens the bucket gains in a second, which is as many millionths of a token in a microsecond.
	PerSecond int64
	// Capacity is how much the bucket holds, Left how much the class must leave in it, in millionths of a token.
	Capacity, Left int64
}

// Token is one token in millionths.
const Token = 1_000_000

const (
	// burstDivisor divides a second: a bucket holds the tokens of the resulting time.
	burstDivisor = 10
	// reservedPart is the part of a bucket that Opening and Auditing leave to the other class.
	reservedPart = 0.4
)

// Of returns the bucket from which a class takes its tokens.
func (r Rates) Of(c Class) Rate {
	perSecond, name := r.Writes, "writes"
	if c == Reading || c == Auditing {
		perSecond, name = r.Reads, "reads"
	}
	rate := Rate{Bucket: name, PerSecond: int64(perSecond), Capacity: max(int64(perSecond)*Token/burstDivisor, 2*Token)}
	if c == Opening || c == Auditing {
		rate.Left = int64(float64(rate.Capacity) * reservedPart)
	}
	return rate
}

// Limited is a Provider that makes no call without a token. Without one it returns FailureUnknown with the delay until the
// message's turn. A page of a list is a call.
type Limited struct {
	Provider Provider
	// Bucket is shared by all instances. Own is the bucket of this instance, for when Bucket is unreachable.
	Bucket, Own Bucket
	Meter       *telemetry.Meter
}

var _ Provider = Limited{}

// errNoToken says that the rate of the account is used up for now.
var errNoToken = errors.New("no token is left for the call")

func (l Limited) takeToken(ctx context.Context, c Class) error {
	wait, err := l.Bucket.Take(ctx, c)
	if err != nil {
		l.Meter.Put(telemetry.BucketsMissed, 1)
		if wait, err = l.Own.Take(ctx, c); err != nil {
			return &ProviderError{Code: "no_bucket", Err: err}
		}
	}
	if wait <= 0 {
		return nil
	}
	l.Meter.Put(telemetry.CallsPaced, 1, telemetry.Dimension{Name: telemetry.KeyKind, Value: string(c)})
	return &ProviderError{Code: "no_token", Err: retry.WithDelay(wait, errNoToken)}
}

// Create implements Provider.
func (l Limited) Create(ctx context.Context, key string, p CreateParams) (Created, error) {
	if err := l.takeToken(ctx, Opening); err != nil {
		return Created{}, err
	}
	return l.Provider.Create(ctx, key, p)
}

// Retrieve implements Provider.
func (l Limited) Retrieve(ctx context.Context, id string) (stripeevent.Intent, error) {
	if err := l.takeToken(ctx, Reading); err != nil {
		return stripeevent.Intent{}, err
	}
	return l.Provider.Retrieve(ctx, id)
}

// Capture implements Provider.
func (l Limited) Capture(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	if err := l.takeToken(ctx, Settling); err != nil {
		return stripeevent.Intent{}, err
	}
	return l.Provider.Capture(ctx, key, id)
}

// Cancel implements Provider.
func (l Limited) Cancel(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	if err := l.takeToken(ctx, Settling); err != nil {
		return stripeevent.Intent{}, err
	}
	return l.Provider.Cancel(ctx, key, id)
}

// Undelivered implements Provider.
func (l Limited) Undelivered(ctx context.Context, since contracts.Instant, after string) (EventPage, error) {
	if err := l.takeToken(ctx, Reading); err != nil {
		return EventPage{}, err
	}
	return l.Provider.Undelivered(ctx, since, after)
}

// Entries implements Provider.
func (l Limited) Entries(ctx context.Context, from, to contracts.Instant, after string) (EntryPage, error) {
	if err := l.takeToken(ctx, Auditing); err != nil {
		return EntryPage{}, err
	}
	return l.Provider.Entries(ctx, from, to, after)
}

// Entry implements Provider.
func (l Limited) Entry(ctx context.Context, id string) (Entry, error) {
	if err := l.takeToken(ctx, Auditing); err != nil {
		return Entry{}, err
	}
	return l.Provider.Entry(ctx, id)
}
