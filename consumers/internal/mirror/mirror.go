// Package mirror applies the rows of orders to the seat groups in Redis: it makes Redis show what each row says.
//
// It decides by the row alone, which also says which seats of a paid order were withdrawn. Tickets are read only if two orders
// claim one seat (help.go). Each write to Redis has the version of the row, and Redis refuses a version that is older than the
// one it knows. So rows may be applied late, repeatedly and concurrently, and the latest version wins.
//
// There are two ways to apply a row. stream.go handles the records of the stream of orders: a record is a hint that a row has
// changed, so the row is read. A row whose group is unreachable must not stop the stream: it is sent to the queue of its group as
// MirrorOrder, which reserve handles with the same code (message.go).
//
// It needs consistent reads of rows and tickets, the groups in Redis, and a sender.
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

// Rows are the rows of orders, and the tickets that decide which of two orders owns a seat. It is safe for concurrent use.
type Rows interface {
	// Read is a consistent read; found is false if there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Ticket is a consistent read of one ticket; found is false if the seat has none. It never sees a transaction in part.
	Ticket(ctx context.Context, g contracts.SeatGroup, seat string) (owner contracts.OrderID, found bool, err error)
}

// Seats is the groups in Redis. Each call is atomic, may be repeated, and is safe for concurrent use. A call with an older
// version than Redis knows changes nothing, and its result is Stale. For reserve it is a seats.Store, which loads a missing
// group; for the stream it is Redis itself, which returns holds.ErrNotLoaded (see Stream). The methods are those of seats.Holds.
type Seats interface {
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
	Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error)
	Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error)
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
}

// Sender sends messages. It is safe for concurrent use.
type Sender interface {
	// Send blocks until the queues have confirmed all messages, or the context ends. After an error some may have been sent.
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

// Errors after which apply reads the row again.
var (
	// errConflictResolved: the sale of another order had a seat of this one, and has been taken back.
	errConflictResolved = fmt.Errorf("another order's sale was taken back: %w", retry.ErrMoved)
	// errStale: Redis knows a later version of the order.
	errStale = fmt.Errorf("redis knows a later version: %w", retry.ErrMoved)
)

// read is the consistent read of a row.
func (m Mirror) read(ctx context.Context, id contracts.OrderID) (row order.Order, found bool, err error) {
	if row, found, err = m.Rows.Read(ctx, id); err != nil {
		return row, false, fmt.Errorf("read row: %w", err)
	}
	return row, found, nil
}

// apply makes the places of an order in Redis what its row says. The caller has just read the row. apply reads it again if Redis
// knows a later version, or after it has taken back the sale of another order. A row that has been deleted is done.
func (m Mirror) apply(ctx context.Context, row order.Order) error {
	staleVersion := 0 // the version that Redis refused as old
	id, isRead := row.OrderID, true
	return retry.Reread(func() error {
		if !isRead {
			found := false
			var err error
			if row, found, err = m.read(ctx, id); err != nil || !found {
				return err
			}
		}
		isRead = false
		err := m.applyRow(ctx, row)
		switch {
		case errors.Is(err, errStale) && row.Version == staleVersion:
			// A version is in the row before it is in Redis, so the second read must have found the version that Redis knows.
			// The error does not wrap errStale, so that Reread does not start again.
			return retry.Poison("redis_ahead", fmt.Errorf("version %d: redis knows a later version", row.Version))
		case errors.Is(err, errStale):
			staleVersion = row.Version
		case err == nil:
			m.measureLag(row)
		}
		return err
	})
}

// measureLag measures the time from the write of a version to its application. A version without an entry in the history, such as
// a recorded decline, has no time to measure from.
func (m Mirror) measureLag(row order.Order) {
	if n := len(row.History); n > 0 && row.History[n-1].Version == row.Version {
		m.Meter.Put(telemetry.MirrorLag, telemetry.Milliseconds(contracts.InstantOf(m.Now()).Sub(row.History[n-1].At)))
	}
}

// applyRow applies one version of a row.
func (m Mirror) applyRow(ctx context.Context, row order.Order) error {
	switch {
	case row.Status.Open():
		return m.keepHold(ctx, row)
	case row.Status.Paid():
		return m.sell(ctx, row)
	case row.Status == contracts.Revoked, row.Status == contracts.Refunded:
		return m.restore(ctx, row, row.Seats)
	default:
		return m.release(ctx, row)
	}
}

// keepHold makes the hold of an open order what the row says. A place of another order is left unchanged: the tickets decide
// which order gets it.
func (m Mirror) keepHold(ctx context.Context, row order.Order) error {
	applied, err := seats.Keep(ctx, m.Seats, m.Catalogue, row)
	if err == nil && applied == holds.Stale && contracts.InstantOf(m.Now()) < row.ExpiresFrom() {
		return errStale
	}
	// After the end of the hold, stale is normal: the hold has expired in Redis, or the order's end was applied. The row ends soon.
	return err
}

// release frees the places that an ended order holds.
func (m Mirror) release(ctx context.Context, row order.Order) error {
	g := row.GroupVersion()
	r, err := m.Seats.Release(ctx, g, row.OrderID, row.Version)
	return freeError("release", r, err)
}

// restore frees seats that were sold to a row's order and that it no longer owns.
func (m Mirror) restore(ctx context.Context, row order.Order, names []string) error {
	places, err := seats.PlacesOf(ctx, m.Catalogue, row, names)
	if err != nil {
		return err
	}
	return m.restorePlaces(ctx, row.GroupVersion(), row, places)
}

// restorePlaces frees places in a group that were sold to a row's order and that it no longer owns.
func (m Mirror) restorePlaces(ctx context.Context, g seatstate.GroupVersion, row order.Order, places []int) error {
	r, err := m.Seats.Restore(ctx, g, row.OrderID, places, row.Version)
	return freeError("restore", r, err)
}

// freeError returns the error of a call that frees places.
func freeError(call string, r holds.Release, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", call, err)
	case r.Stale:
		return errStale
	default:
		return nil
	}
}
