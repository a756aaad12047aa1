package seats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Tokens makes fencing tokens. It is safe for concurrent use.
type Tokens interface {
	// NextToken atomically returns a number that is higher than all earlier ones of the group.
	NextToken(ctx context.Context, g contracts.SeatGroup) (int64, error)
}

// Truth reads the state of a group in DynamoDB. It is safe for concurrent use.
type Truth interface {
	// Tickets is a consistent read of all tickets of the group: seat name to owner. It may see only some of the tickets of a
	// transaction.
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
	// OpenIDs reads the index of orders with a due step. It is eventually consistent.
	OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error)
	// ReadMany is a consistent read of each row. The result has no entry for an id without a row.
	ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error)
}

// Concerts reads concerts, for their frozen layout version. It is safe for concurrent use.
type Concerts interface {
	// Concert returns a concert. It may be cached only if its layout version is frozen.
	Concert(ctx context.Context, concertID string) (readmodel.Concert, error)
}

// Catalogue reads concerts and layouts.
type Catalogue interface {
	Concerts
	Layouts
}

// Loads loads groups into Redis. Each call is atomic. It is safe for concurrent use.
type Loads interface {
	// Lock takes the group's rebuild lock for the token, and returns false if it is taken. The lock expires after ttl.
	Lock(ctx context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error)
	// Unlock releases the lock if it has the token.
	Unlock(ctx context.Context, g contracts.SeatGroup, token int64) error
	// Load writes the whole group and releases the lock. It returns holds.ErrLoadRefused, and writes nothing, if the lock no
	// longer has the token, or if the group is loaded in this layout version, or in another one with this token or a later one.
	Load(ctx context.Context, g seatstate.GroupVersion, l holds.Load) error
}

// LoaderOptions are the options of NewLoader. A zero field means its default, which production uses.
type LoaderOptions struct {
	// IndexSettle is the time between the two reads of the index, which is eventually consistent: a row that was opened before
	// the first read is in the index at the second read. Default 1 s.
	IndexSettle time.Duration
	// Needed is the time that a load takes in addition to IndexSettle. With less time left, no load is started. Default 300 ms.
	Needed time.Duration
	// LockFor is the lifetime of the lock: 2 × the handler's timeout, so that it outlives its holder. Default 10 s.
	LockFor time.Duration
	// Wait waits for d, or returns the context's error. Default a timer.
	Wait func(ctx context.Context, d time.Duration) error
	// Now is the clock for the context's deadline. Default time.Now.
	Now func() time.Time
}

// Loader loads a missing seat group into Redis from DynamoDB: before the sale opens, after Redis has lost data, or when a call
// returns holds.ErrNotLoaded. It is safe for concurrent use.
//
// It loads only the frozen layout version of the concert. A frozen version stays frozen, so two loads of a group never load
// different versions. A group that is loaded in another version counts as missing and is replaced.
//
// A load takes more than a second, because the index of open orders is read twice. It therefore runs outside the timeout of
// single calls and the breaker of Redis, within the handler's remaining time. It holds a lock in Redis with a fencing token from
// DynamoDB: if a loader is suspended and continues late, its token is old and its load is refused.
type Loader struct {
	tokens    Tokens
	truth     Truth
	catalogue Catalogue
	store     Loads
	meter     *telemetry.Meter
	o         LoaderOptions
}

// NewLoader returns a Loader. Only options and meter may be zero.
func NewLoader(tokens Tokens, truth Truth, catalogue Catalogue, store Loads, meter *telemetry.Meter, o LoaderOptions) *Loader {
	if o.IndexSettle == 0 {
		o.IndexSettle = time.Second
	}
	if o.Needed == 0 {
		o.Needed = 300 * time.Millisecond
	}
	if o.LockFor == 0 {
		o.LockFor = 10 * time.Second
	}
	if o.Wait == nil {
		o.Wait = sleep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Loader{tokens: tokens, truth: truth, catalogue: catalogue, store: store, meter: meter, o: o}
}

// busyAfter is the delay of a message whose group another handler is loading: about as long as a load takes.
const busyAfter = time.Second

// Errors of Ensure. Both are retryable.
var (
	// ErrBusy says that another handler is loading the group. The message is redelivered after about the time of a load.
	ErrBusy = errors.New("another handler is loading the seat group")
	// ErrNoTime says that the context ends too early for a load.
	ErrNoTime = errors.New("not enough time left to load the seat group")
)

// soldVersion returns the layout version of the group that is sold. A call that names another version is poison and counts as a
// broken invariant: nothing is held before a version is frozen, and nothing of any other version is ever held. A call without a
// version (0) gets the one that is sold.
func (r *Loader) soldVersion(ctx context.Context, g seatstate.GroupVersion) (version int, err error) {
	version, err = frozenVersion(ctx, r.catalogue, g.ConcertID)
	if err == nil && g.LayoutVersion != 0 && g.LayoutVersion != version {
		err = retry.Poison("layout_version", fmt.Errorf("the call names layout %d, and layout %d is sold", g.LayoutVersion, version))
	}
	if g.LayoutVersion != 0 && retry.Classify(err).Class == retry.ClassPoison {
		r.meter.Put(telemetry.InvariantsBroken, 1)
	}
	if err != nil {
		return 0, fmt.Errorf("layout of %s: %w", g.Key(), err)
	}
	return version, nil
}

// Ensure implements Ensurer. It blocks for the time of a load, more than a second. A call that names another layout version than
// the one that is sold is poison.
func (r *Loader) Ensure(ctx context.Context, g seatstate.GroupVersion) error {
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(r.o.Now()) < r.o.IndexSettle+r.o.Needed {
		return retry.WithDelay(0, fmt.Errorf("%s: %w", g.Key(), ErrNoTime))
	}
	version, err := r.soldVersion(ctx, g)
	if err != nil {
		return err
	}
	g.LayoutVersion = version
	token, err := r.tokens.NextToken(ctx, g.SeatGroup)
	if err != nil {
		return fmt.Errorf("fencing token of %s: %w", g.Key(), err)
	}
	locked, err := r.store.Lock(ctx, g.SeatGroup, token, r.o.LockFor)
	if err != nil {
		return fmt.Errorf("rebuild lock of %s: %w", g.Key(), err)
	}
	if !locked {
		return retry.WithDelay(busyAfter, fmt.Errorf("%s: %w", g.Key(), ErrBusy))
	}
	if err := r.load(ctx, g, token); err != nil {
		// Without the unlock, the next loader would have to wait until the lock expires.
		return errors.Join(err, r.store.Unlock(context.WithoutCancel(ctx), g.SeatGroup, token))
	}
	return nil
}

// load reads the group from DynamoDB and writes it to Redis. The caller holds the lock.
func (r *Loader) load(ctx context.Context, g seatstate.GroupVersion, token int64) error {
	l, err := r.read(ctx, g)
	if err != nil {
		return fmt.Errorf("read %s: %w", g.Key(), err)
	}
	l.Token = token
	switch err := r.store.Load(ctx, g, l); {
	case errors.Is(err, holds.ErrLoadRefused):
		// Another loader has loaded the group or taken the lock. The caller repeats its call, which shows whether the group is loaded.
		return r.store.Unlock(ctx, g.SeatGroup, token)
	case err != nil:
		return fmt.Errorf("load %s: %w", g.Key(), err)
	}
	r.meter.Put(telemetry.GroupsLoaded, 1)
	return nil
}

// sleep waits for d, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
