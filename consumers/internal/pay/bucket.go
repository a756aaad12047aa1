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

// Class is what a call to the provider is for.
type Class string

// Classes. A buyer who waits for his client secret can wait longer than money that is to be taken or given back: when all
// calls are asked for at once, Opening leaves the last of them to Settling.
const (
	// Opening makes a PaymentIntent.
	Opening Class = "opening"
	// Settling captures, cancels and refunds.
	Settling Class = "settling"
	// Reading looks. It has a bucket of its own.
	Reading Class = "reading"
	// Auditing pages through the ledger. It takes from the bucket of Reading and leaves the last of it to looks at orders,
	// whose buyers wait.
	Auditing Class = "auditing"
)

// Classes lists them.
func Classes() []Class { return []Class{Opening, Settling, Reading, Auditing} }

// Bucket has the tokens for calls to the provider. It refills by itself, at the pace that the account allows, and holds
// what comes in a tenth of a second, so that in no second more than that is made beyond the pace.
type Bucket interface {
	// Take takes a token for a call of this class, and answers 0. Where there is none it takes nothing, and answers when it
	// is the caller's turn to ask again, at most MaxTurn: one after the other, at the pace of the bucket, so that those who
	// wait do not all come at once. A turn is no promise. It blocks for no token and is safe for concurrent use; the error
	// says that the bucket cannot be reached.
	Take(ctx context.Context, c Class) (wait time.Duration, err error)
}

// MaxTurn is the longest wait for a turn: longer than a returned message stays away, nobody waits.
const MaxTurn = retry.MaxVisibility

// Rates are how many calls a second an account allows, at least 1 each.
type Rates struct{ Writes, Reads int }

// LiveRates and TestRates are Stripe's for an account that has asked for no more.
var (
	LiveRates = Rates{Writes: 100, Reads: 100}
	TestRates = Rates{Writes: 25, Reads: 25}
)

// Share is a part of the rates, from 0 to 1: what one instance may do that does not hear of the others.
func (r Rates) Share(part float64) Rates {
	of := func(n int) int { return max(1, int(float64(n)*part)) }
	return Rates{Writes: of(r.Writes), Reads: of(r.Reads)}
}

// Rate is a bucket as a class sees it, in whole numbers, so that every store of buckets comes to the same.
type Rate struct {
	// Bucket is its name.
	Bucket string
	// PerSecond is how many tokens come in a second: as many millionths in a microsecond.
	PerSecond int64
	// Capacity is what the bucket holds, Left what the class must leave in it, in millionths of a token.
	Capacity, Left int64
}

// Token is one token in millionths.
const Token = 1_000_000

// burst is the part of a second that a bucket holds, as a divisor; kept is the part of the bucket that Opening and Auditing
// leave.
const (
	burst = 10
	kept  = 0.4
)

// Of is the bucket that a class takes from.
func (r Rates) Of(c Class) Rate {
	perSecond, name := r.Writes, "writes"
	if c == Reading || c == Auditing {
		perSecond, name = r.Reads, "reads"
	}
	rate := Rate{Bucket: name, PerSecond: int64(perSecond), Capacity: max(int64(perSecond)*Token/burst, 2*Token)}
	if c == Opening || c == Auditing {
		rate.Left = int64(float64(rate.Capacity) * kept)
	}
	return rate
}

// Limited is a Provider that makes no call without a token. A call that has none ends with FailureUnknown, and its message
// comes back when it is its turn. A page of a list is a call.
type Limited struct {
	Provider Provider
	// Bucket is shared by all instances. Where it cannot be reached, Own says what this one may do alone.
	Bucket, Own Bucket
	Meter       *telemetry.Meter
}

var _ Provider = Limited{}

// errNoToken says that the account allows no more calls for now.
var errNoToken = errors.New("no token is left for the call")

func (l Limited) token(ctx context.Context, c Class) error {
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
	if err := l.token(ctx, Opening); err != nil {
		return Created{}, err
	}
	return l.Provider.Create(ctx, key, p)
}

// Retrieve implements Provider.
func (l Limited) Retrieve(ctx context.Context, id string) (stripeevent.Intent, error) {
	if err := l.token(ctx, Reading); err != nil {
		return stripeevent.Intent{}, err
	}
	return l.Provider.Retrieve(ctx, id)
}

// Capture implements Provider.
func (l Limited) Capture(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	if err := l.token(ctx, Settling); err != nil {
		return stripeevent.Intent{}, err
	}
	return l.Provider.Capture(ctx, key, id)
}

// Cancel implements Provider.
func (l Limited) Cancel(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	if err := l.token(ctx, Settling); err != nil {
		return stripeevent.Intent{}, err
	}
	return l.Provider.Cancel(ctx, key, id)
}

// Undelivered implements Provider.
func (l Limited) Undelivered(ctx context.Context, since contracts.Instant, after string) (EventPage, error) {
	if err := l.token(ctx, Reading); err != nil {
		return EventPage{}, err
	}
	return l.Provider.Undelivered(ctx, since, after)
}

// Entries implements Provider.
func (l Limited) Entries(ctx context.Context, from, to contracts.Instant, after string) (EntryPage, error) {
	if err := l.token(ctx, Auditing); err != nil {
		return EntryPage{}, err
	}
	return l.Provider.Entries(ctx, from, to, after)
}

// Entry implements Provider.
func (l Limited) Entry(ctx context.Context, id string) (Entry, error) {
	if err := l.token(ctx, Auditing); err != nil {
		return Entry{}, err
	}
	return l.Provider.Entry(ctx, id)
}
