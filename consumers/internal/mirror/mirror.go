// Package mirror brings Redis to what the rows say. It goes by the row alone: the row says which seats of a paid order were
// withdrawn, and tickets are read only where two orders meet at one seat (help.go). What is written to Redis carries the
// row's version, and whatever is older is refused there.
//
// There are two roads to it. stream.go takes the records of the stream of orders; a record is a hint that a row has changed,
// so the row is read and the record forgotten. A row whose group cannot be reached does not hold up the stream: it is sent
// to its own group as MirrorOrder, which reserve handles with the same code (message.go).
package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Rows are the orders, and the tickets that decide between two of them.
type Rows interface {
	// Read is a consistent read; found is false when there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Ticket is a consistent read of one ticket, which sees a transaction whole; found is false when the seat has none.
	Ticket(ctx context.Context, g contracts.SeatGroup, seat string) (owner contracts.OrderID, found bool, err error)
}

// Holds is the group in Redis. Each call is atomic, may be repeated, and answers holds.ErrNotLoaded when the group is
// not there in the layout version of the row.
type Holds interface {
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
	Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error)
	Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error)
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
}

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// Mirror applies rows. It is safe for concurrent use.
type Mirror struct {
	Rows      Rows
	Holds     Holds
	Catalogue rebuild.Layouts
	// Loader loads a group that is not in Redis. A Stream has none: see there.
	Loader rebuild.Loader
	Sender Sender
	Log    *slog.Logger
	Meter  *telemetry.Meter
	Now    func() time.Time
}

// attempts bounds how often a row may change while it is applied.
const attempts = 4

// Errors that lead to another read of the row, and the one of a row that is not known then.
var (
	// errAgain: another order's sale was met and is out of the way.
	errAgain = errors.New("read the row again")
	// errStale: Redis knows a later version.
	errStale = errors.New("redis knows a later version")

	errRowKeepsChanging = errors.New("the row kept changing")
)

// read is the read that everything here goes by.
func (m Mirror) read(ctx context.Context, id contracts.OrderID) (row order.Order, found bool, err error) {
	if row, found, err = m.Rows.Read(ctx, id); err != nil {
		return row, false, fmt.Errorf("read row: %w", err)
	}
	return row, found, nil
}

// apply brings an order's places to what its row says. The row was just read; it is read again where Redis turns out to know
// a later version, or where another order's sale had to be taken back first.
func (m Mirror) apply(ctx context.Context, row order.Order) error {
	refused := 0 // the version that Redis refused as old
	for range attempts {
		err := m.applyRow(ctx, row)
		switch {
		case errors.Is(err, errStale) && row.Version == refused:
			// A version is in the row before it is in Redis, so that reading again found what Redis knows.
			return &retry.PoisonError{Reason: "redis_ahead", Err: fmt.Errorf("version %d: %w", row.Version, err)}
		case errors.Is(err, errStale):
			refused = row.Version
		case errors.Is(err, errAgain):
		case err != nil:
			return err
		default:
			m.measureLag(row)
			return nil
		}
		found := false
		if row, found, err = m.read(ctx, row.OrderID); err != nil || !found {
			return err // a row that is gone is nobody's here
		}
	}
	return errRowKeepsChanging
}

// measureLag measures how long a version took until it was applied. A version without an entry in the history, as a noted
// decline, has no instant to measure from.
func (m Mirror) measureLag(row order.Order) {
	if n := len(row.History); n > 0 && row.History[n-1].Version == row.Version {
		m.Meter.Put(telemetry.MirrorLag, telemetry.Milliseconds(contracts.InstantOf(m.Now()).Sub(row.History[n-1].At)))
	}
}

func (m Mirror) applyRow(ctx context.Context, row order.Order) error {
	switch {
	case row.Status.Open():
		return m.keep(ctx, row)
	case row.Status.Paid():
		return m.sell(ctx, row)
	case row.Status == contracts.Revoked, row.Status == contracts.Refunded:
		return m.restore(ctx, row, row.Seats)
	default:
		return m.release(ctx, row)
	}
}

// keep makes the hold of an open order again. A place that is another order's is left: the tickets decide between them.
func (m Mirror) keep(ctx context.Context, row order.Order) error {
	applied, err := rebuild.Keep(ctx, m.Holds, m.Loader, m.Catalogue, row)
	if err == nil && applied == holds.Stale && contracts.InstantOf(m.Now()) < row.ExpiresFrom() {
		return errStale
	}
	// Stale after its end: the hold has lapsed here or the order's end was applied. The row follows soon.
	return err
}

// release gives back what is held for an ended order.
func (m Mirror) release(ctx context.Context, row order.Order) error {
	g := row.GroupVersion()
	return m.free(ctx, g, "release", func() (holds.Release, error) {
		return m.Holds.Release(ctx, g, row.OrderID, row.Version)
	})
}

// restore frees seats that a row had and does not own any more.
func (m Mirror) restore(ctx context.Context, row order.Order, seats []string) error {
	places, err := rebuild.Places(ctx, m.Catalogue, row, seats)
	if err != nil {
		return err
	}
	return m.restorePlaces(ctx, row.GroupVersion(), row, places)
}

// restorePlaces frees places of a group that a row does not own any more.
func (m Mirror) restorePlaces(ctx context.Context, g seatstate.GroupVersion, row order.Order, places []int) error {
	return m.free(ctx, g, "restore", func() (holds.Release, error) {
		return m.Holds.Restore(ctx, g, row.OrderID, places, row.Version)
	})
}

// free makes a call that frees places. Stale means that the row has moved on.
func (m Mirror) free(ctx context.Context, g seatstate.GroupVersion, name string, call func() (holds.Release, error)) error {
	var r holds.Release
	err := rebuild.Loaded(ctx, m.Loader, g, func() (err error) {
		r, err = call()
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case r.Stale:
		return errStale
	default:
		return nil
	}
}
