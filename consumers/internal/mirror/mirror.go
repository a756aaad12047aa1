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
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
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

// Seats is the groups in Redis. Each call is atomic and may be repeated. For reserve it is a seats.Store, which loads a group
// that is missing; for the stream it is Redis itself, which returns holds.ErrNotLoaded (see Stream).
type Seats interface {
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
	Seats     Seats
	Catalogue seats.Layouts
	Sender    Sender
	Log       *slog.Logger
	Meter     *telemetry.Meter
	Now       func() time.Time
}

// Errors after which the row is read again.
var (
	// errHelped: another order's sale was in the way and has been taken back.
	errHelped = fmt.Errorf("another order's sale was taken back: %w", retry.ErrMoved)
	// errStale: Redis knows a later version.
	errStale = fmt.Errorf("redis knows a later version: %w", retry.ErrMoved)
)

// read is the read that everything here goes by.
func (m Mirror) read(ctx context.Context, id contracts.OrderID) (row order.Order, found bool, err error) {
	if row, found, err = m.Rows.Read(ctx, id); err != nil {
		return row, false, fmt.Errorf("read row: %w", err)
	}
	return row, found, nil
}

// apply brings an order's places to what its row says. The caller has just read the row; apply reads it again where Redis turns
// out to know a later version, or where another order's sale had to be taken back first.
func (m Mirror) apply(ctx context.Context, row order.Order) error {
	refused := 0 // the version that Redis refused as old
	id, isRead := row.OrderID, true
	return retry.Reread(func() error {
		if !isRead {
			found := false
			var err error
			if row, found, err = m.read(ctx, id); err != nil || !found {
				return err // a row that is gone has nothing to apply
			}
		}
		isRead = false
		err := m.applyRow(ctx, row)
		switch {
		case errors.Is(err, errStale) && row.Version == refused:
			// A version is in the row before it is in Redis, so reading the row again must have found what Redis knows. The
			// cause must not be read as ErrMoved again.
			return retry.Poison("redis_ahead", fmt.Errorf("version %d: redis knows a later version", row.Version))
		case errors.Is(err, errStale):
			refused = row.Version
		case err == nil:
			m.measureLag(row)
		}
		return err
	})
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
	applied, err := seats.Keep(ctx, m.Seats, m.Catalogue, row)
	if err == nil && applied == holds.Stale && contracts.InstantOf(m.Now()) < row.ExpiresFrom() {
		return errStale
	}
	// Stale after its end: the hold has lapsed here or the order's end was applied. The row follows soon.
	return err
}

// release gives back what is held for an ended order.
func (m Mirror) release(ctx context.Context, row order.Order) error {
	g := row.GroupVersion()
	r, err := m.Seats.Release(ctx, g, row.OrderID, row.Version)
	return freed("release", r, err)
}

// restore frees seats that a row had and does not own any more.
func (m Mirror) restore(ctx context.Context, row order.Order, names []string) error {
	places, err := seats.PlacesOf(ctx, m.Catalogue, row, names)
	if err != nil {
		return err
	}
	return m.restorePlaces(ctx, row.GroupVersion(), row, places)
}

// restorePlaces frees places of a group that a row does not own any more.
func (m Mirror) restorePlaces(ctx context.Context, g seatstate.GroupVersion, row order.Order, places []int) error {
	r, err := m.Seats.Restore(ctx, g, row.OrderID, places, row.Version)
	return freed("restore", r, err)
}

// freed is the error of a call that frees places. Stale means that the row has moved on.
func freed(call string, r holds.Release, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", call, err)
	case r.Stale:
		return errStale
	default:
		return nil
	}
}
