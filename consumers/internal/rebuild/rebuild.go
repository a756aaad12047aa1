// Package rebuild loads a seat group into Redis from DynamoDB when it is not there: before an on-sale, after Redis was
// lost, or when anybody meets holds.ErrNotLoaded. Nobody skips that answer and nobody takes it for "free".
//
// A rebuild takes over a second, because the index of open orders is read twice. It therefore runs outside the
// per-call timeout and the breaker of Redis, within the handler's remaining time, under a lock in Redis whose fencing
// token comes from DynamoDB: a loader that was frozen and comes back late carries an old token and is refused.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// Loader loads a group if it is not there. A nil error means that the refused call may be made again.
type Loader interface {
	Ensure(ctx context.Context, g contracts.SeatGroup) error
}

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

// Catalogue answers which seats the group has.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (readmodel.Concert, error)
	LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error)
}

// Store is the group in Redis.
type Store interface {
	// Lock takes the group's rebuild lock for the token, unless somebody has it. It ends by itself after ttl.
	Lock(ctx context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error)
	// Unlock gives the lock back if it carries the token.
	Unlock(ctx context.Context, g contracts.SeatGroup, token int64) error
	// Load writes the whole group, and gives the lock back, if it is not loaded and the lock still carries the token; else holds.ErrLoadRefused.
	Load(ctx context.Context, g contracts.SeatGroup, l holds.Load) error
}

// Options of a Rebuilder; each has the default that the pipeline runs with.
type Options struct {
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

// Rebuilder loads groups. It is safe for concurrent use.
type Rebuilder struct {
	tokens    Tokens
	truth     Truth
	catalogue Catalogue
	store     Store
	meter     *telemetry.Meter
	o         Options
}

// New makes a Rebuilder.
func New(tokens Tokens, truth Truth, catalogue Catalogue, store Store, meter *telemetry.Meter, o Options) *Rebuilder {
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
	return &Rebuilder{tokens: tokens, truth: truth, catalogue: catalogue, store: store, meter: meter, o: o}
}

// busyAfter is when a message comes back whose group somebody else is loading: about as long as a load takes.
const busyAfter = time.Second

// Errors that return the message: the group is being loaded by another, or there is no time left to load it.
var (
	ErrBusy   = errors.New("another handler is loading the seat group")
	ErrNoTime = errors.New("not enough time left to load the seat group")
)

// Ensure loads the group. It is called after holds.ErrNotLoaded, and returns nil when the group is there, whoever
// loaded it.
func (r *Rebuilder) Ensure(ctx context.Context, g contracts.SeatGroup) error {
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(r.o.Now()) < r.o.IndexSettle+r.o.Needed {
		return retry.WithDelay(0, fmt.Errorf("%s: %w", g.Key(), ErrNoTime))
	}
	token, err := r.tokens.NextToken(ctx, g)
	if err != nil {
		return fmt.Errorf("fencing token of %s: %w", g.Key(), err)
	}
	locked, err := r.store.Lock(ctx, g, token, r.o.LockFor)
	if err != nil {
		return fmt.Errorf("rebuild lock of %s: %w", g.Key(), err)
	}
	if !locked {
		return retry.WithDelay(busyAfter, fmt.Errorf("%s: %w", g.Key(), ErrBusy))
	}
	if err := r.load(ctx, g, token); err != nil {
		// Whoever tries next must not wait for the lock to end. Where this fails as well, it does end by itself.
		return errors.Join(err, r.store.Unlock(context.WithoutCancel(ctx), g, token))
	}
	return nil
}

func (r *Rebuilder) load(ctx context.Context, g contracts.SeatGroup, token int64) error {
	l, err := r.read(ctx, g)
	if err != nil {
		return fmt.Errorf("read %s: %w", g.Key(), err)
	}
	l.Token = token
	switch err := r.store.Load(ctx, g, l); {
	case errors.Is(err, holds.ErrLoadRefused):
		// Somebody else loaded it, or took the lock over. The refused call tells which.
		return r.store.Unlock(ctx, g, token)
	case err != nil:
		return fmt.Errorf("load %s: %w", g.Key(), err)
	}
	r.meter.Put(telemetry.GroupsLoaded, 1)
	return nil
}

// read gathers tickets and open orders. The lock is held, so nobody else loads; orders may be decided meanwhile only
// by holds in Redis, which is not there.
func (r *Rebuilder) read(ctx context.Context, g contracts.SeatGroup) (holds.Load, error) {
	concert, err := r.catalogue.Concert(ctx, g.ConcertID)
	if err != nil {
		return holds.Load{}, err
	}
	layout, err := r.catalogue.LayoutGroup(ctx, g.ConcertID, concert.LayoutFrozen, g.Group)
	if err != nil {
		return holds.Load{}, err
	}
	rows, err := r.rows(ctx, g)
	if err != nil {
		return holds.Load{}, err
	}
	// Tickets after rows: an order that commits in between is then seen as sold.
	tickets, err := r.truth.Tickets(ctx, g)
	if err != nil {
		return holds.Load{}, err
	}
	l := holds.Load{Places: len(layout.Seats), Sold: make(map[int]contracts.OrderID, len(tickets))}
	committed := make(map[contracts.OrderID]bool)
	for seat, owner := range tickets {
		places, _, ok := layout.Places([]string{seat})
		if !ok {
			return holds.Load{}, mismatch(fmt.Errorf("ticket of seat %q, which layout %d does not have", seat, concert.LayoutFrozen))
		}
		l.Sold[places[0]] = owner
		committed[owner] = true
	}
	for _, row := range rows {
		seats := row.Seats
		if row.Status.Paid() {
			seats = row.Owned()
		}
		places, unknown, ok := layout.Places(seats)
		switch {
		case !ok:
			return holds.Load{}, mismatch(fmt.Errorf("order %s has seat %q, which layout %d does not have", row.OrderID, unknown, concert.LayoutFrozen))
		case row.Status.Paid(), committed[row.OrderID]:
			sellAll(l.Sold, row.OrderID, places)
		default:
			l.Open = append(l.Open, holds.OpenOrder{
				Ask:     holds.Ask{Order: row.OrderID, Hash: row.RequestHash, Places: places},
				Version: row.Version, HeldAt: row.HeldAt, ExpiresAt: row.HoldExpiresAt,
			})
		}
	}
	return l, nil
}

// sellAll counts the places of a committed order as sold to it, with tickets that were seen or not: a query sees a
// transaction half done, and a place whose ticket is not visible yet would be loaded as free. A place with another's ticket
// is that one's: the tickets were read after the row, which has lost it since.
func sellAll(sold map[int]contracts.OrderID, id contracts.OrderID, places []int) {
	for _, p := range places {
		if _, has := sold[p]; !has {
			sold[p] = id
		}
	}
}

// mismatch is rows and layout that do not belong together, which a frozen layout rules out. No attempt cures it.
func mismatch(err error) error { return &retry.PoisonError{Reason: "layout_mismatch", Err: err} }

// rows reads the index twice with time between, and then the rows themselves, consistently: the index only says whom to
// look at. It gives those that are open, and those that are paid: the index has an order until its money is captured, and
// an order that was open in the index may have been committed since.
func (r *Rebuilder) rows(ctx context.Context, g contracts.SeatGroup) ([]order.Order, error) {
	ids := map[contracts.OrderID]struct{}{}
	for pass := range 2 {
		if pass > 0 {
			if err := r.o.Wait(ctx, r.o.IndexSettle); err != nil {
				return nil, err
			}
		}
		found, err := r.truth.OpenIDs(ctx, g)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			ids[id] = struct{}{}
		}
	}
	rows, err := r.truth.ReadMany(ctx, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(o order.Order) bool { return !o.Status.Open() && !o.Status.Paid() }), nil
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
