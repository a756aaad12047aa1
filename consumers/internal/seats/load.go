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

// Tokens makes fencing tokens: each call answers a higher number for the group.
type Tokens interface {
	NextToken(ctx context.Context, g contracts.SeatGroup) (int64, error)
}

// Truth reads what DynamoDB knows of a group.
type Truth interface {
	// Tickets is a consistent read of all tickets of the group: seat name to owner.
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
	// OpenIDs reads the index of orders with a due step. It is eventually consistent.
	OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error)
	// ReadMany is a consistent read of rows; ids without a row are left out.
	ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error)
}

// Concerts answers which layout version of a concert is frozen. It may answer from memory only a concert whose version is.
type Concerts interface {
	Concert(ctx context.Context, concertID string) (readmodel.Concert, error)
}

// Catalogue answers which seats the group has.
type Catalogue interface {
	Concerts
	LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error)
}

// Loads is a group in Redis while it is loaded.
type Loads interface {
	// Lock takes the group's rebuild lock for the token, unless somebody has it. It ends by itself after ttl.
	Lock(ctx context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error)
	// Unlock gives the lock back if it carries the token.
	Unlock(ctx context.Context, g contracts.SeatGroup, token int64) error
	// Load writes the whole group, and gives the lock back, if it is not loaded in this layout version, nor in another one under
	// this token or a later one, and the lock still carries the token; else holds.ErrLoadRefused.
	Load(ctx context.Context, g seatstate.GroupVersion, l holds.Load) error
}

// LoaderOptions of a Loader; each has the default that the pipeline runs with.
type LoaderOptions struct {
	// IndexSettle is the time between the two reads of the index, which is eventually consistent: a row that was
	// opened before the first read is in the second. Default 1 s.
	IndexSettle time.Duration
	// Needed is the time that a rebuild takes besides IndexSettle; with less left it is not begun. Default 300 ms.
	Needed time.Duration
	// LockFor is how long the lock lives: 2 × the handler's timeout, so that it outlives its holder. Default 10 s.
	LockFor time.Duration
	// Wait waits, or returns the context's error. Default: a timer.
	Wait func(ctx context.Context, d time.Duration) error
	// Now is used with the context's deadline. Default time.Now.
	Now func() time.Time
}

// Loader loads a seat group into Redis from DynamoDB when it is not there: before an on-sale, after Redis was lost, or when a
// call returns holds.ErrNotLoaded. It is safe for concurrent use.
//
// It loads the frozen layout version of the concert and no other. The mark that freezes a version is never lifted, so two loads
// of a group never load different versions. A group that is there in another version is not loaded, and is replaced.
//
// A load takes over a second, because the index of open orders is read twice. It therefore runs outside the per-call timeout
// and the breaker of Redis, within the handler's remaining time, under a lock in Redis whose fencing token comes from DynamoDB:
// a loader that was frozen and goes on late has an old token and is refused.
type Loader struct {
	tokens    Tokens
	truth     Truth
	catalogue Catalogue
	store     Loads
	meter     *telemetry.Meter
	o         LoaderOptions
}

// NewLoader makes a Loader.
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
		o.Wait = wait
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Loader{tokens: tokens, truth: truth, catalogue: catalogue, store: store, meter: meter, o: o}
}

// busyAfter is when a message comes back whose group somebody else is loading: about as long as a load takes.
const busyAfter = time.Second

// Errors that return the message: the group is being loaded by another, or there is no time left to load it.
var (
	ErrBusy   = errors.New("another handler is loading the seat group")
	ErrNoTime = errors.New("not enough time left to load the seat group")
)

// sold is the layout version that is sold, which the call must mean: before one is frozen nothing is held, and nothing of
// another one ever is. So a row of another version is a fault, which no attempt cures. A call without a version means the one
// that is sold.
func (r *Loader) sold(ctx context.Context, g seatstate.GroupVersion) (version int, err error) {
	version, err = frozen(ctx, r.catalogue, g.ConcertID)
	if err == nil && g.LayoutVersion != 0 && g.LayoutVersion != version {
		err = &retry.PoisonError{Reason: "layout_version", Err: fmt.Errorf("layout %d is meant, and layout %d is sold", g.LayoutVersion, version)}
	}
	if g.LayoutVersion != 0 && retry.Classify(err).Class == retry.ClassPoison {
		r.meter.Put(telemetry.InvariantsBroken, 1)
	}
	if err != nil {
		return 0, fmt.Errorf("layout of %s: %w", g.Key(), err)
	}
	return version, nil
}

// Ensure loads the group. It is called after holds.ErrNotLoaded, and returns nil when the group is there, whoever
// loaded it. A call that means another layout version than the one that is sold is poison.
func (r *Loader) Ensure(ctx context.Context, g seatstate.GroupVersion) error {
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(r.o.Now()) < r.o.IndexSettle+r.o.Needed {
		return retry.WithDelay(0, fmt.Errorf("%s: %w", g.Key(), ErrNoTime))
	}
	version, err := r.sold(ctx, g)
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
		// Whoever tries next must not wait for the lock to end. Where this fails as well, it does end by itself.
		return errors.Join(err, r.store.Unlock(context.WithoutCancel(ctx), g.SeatGroup, token))
	}
	return nil
}

func (r *Loader) load(ctx context.Context, g seatstate.GroupVersion, token int64) error {
	l, err := r.read(ctx, g)
	if err != nil {
		return fmt.Errorf("read %s: %w", g.Key(), err)
	}
	l.Token = token
	switch err := r.store.Load(ctx, g, l); {
	case errors.Is(err, holds.ErrLoadRefused):
		// Somebody else loaded it, or took the lock over. The refused call tells which.
		return r.store.Unlock(ctx, g.SeatGroup, token)
	case err != nil:
		return fmt.Errorf("load %s: %w", g.Key(), err)
	}
	r.meter.Put(telemetry.GroupsLoaded, 1)
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
