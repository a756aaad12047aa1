// Package mirror brings Redis to what the rows say, from the stream of orders. A record is only a hint that a row has
// changed: its image may be old, so the row is read and the image forgotten. What is written to Redis carries the row's
// version, and whatever is older is refused there.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/sale"
	"boxoffice/consumers/internal/streambatch"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Rows are the orders and tickets.
type Rows interface {
	// Read is a consistent read; found is false when there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Tickets is a consistent read of all tickets of a group: seat name to owner.
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
}

// Holds is the group in Redis. Each call is atomic, may be repeated, and answers holds.ErrNotLoaded when the group is
// not there.
type Holds interface {
	Keep(ctx context.Context, g contracts.SeatGroup, k holds.Kept) (holds.Applied, error)
	Sell(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, places []int, version int) (holds.Sale, error)
	Restore(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, places []int, version int) (holds.Release, error)
	Release(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, version int) (holds.Release, error)
}

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// Mirror is safe for concurrent use.
type Mirror struct {
	Rows      Rows
	Holds     Holds
	Catalogue rebuild.Layouts
	Loader    rebuild.Loader
	Sender    Sender
	Log       *slog.Logger
	Meter     *telemetry.Meter
	Now       func() time.Time
}

// side is how many orders are mirrored at once. Different orders do not depend on each other: Redis holds each to its
// own row's version.
const side = 16

// Handle implements streambatch.Handler. An order that is named more than once is mirrored once: the row is read in any
// case. The first that fails comes again with all later ones.
func (m Mirror) Handle(ctx context.Context, records []streambatch.Record) (done int, err error) {
	first := map[contracts.OrderID]int{}
	var ids []contracts.OrderID
	for i, r := range records {
		if _, seen := first[r.Row.OrderID]; !seen {
			first[r.Row.OrderID] = i
			ids = append(ids, r.Row.OrderID)
		}
	}
	failures := make([]error, len(ids))
	slots := make(chan struct{}, side)
	var wg sync.WaitGroup
	for i, id := range ids {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			failures[i] = m.passOver(ctx, id, m.safely(ctx, id))
		})
	}
	wg.Wait()
	done = len(records)
	for i, failure := range failures {
		if failure != nil && first[ids[i]] < done {
			done, err = first[ids[i]], fmt.Errorf("order %s: %w", ids[i], failure)
		}
	}
	return done, err
}

// passOver keeps what no attempt can cure from stopping the shard for good. The row stays the truth, and a repair of the
// group finds what is left undone here.
func (m Mirror) passOver(ctx context.Context, id contracts.OrderID, err error) error {
	outcome := retry.Classify(err)
	if outcome.Class != retry.ClassPoison {
		return err
	}
	m.Log.ErrorContext(ctx, "order not mirrored", telemetry.KeyOrder, id, telemetry.KeyReason, outcome.Reason, telemetry.KeyError, err.Error())
	m.Meter.Put(telemetry.RecordsPassedOver, 1)
	m.Meter.Put(telemetry.InvariantsBroken, 1)
	return nil
}

// safely recovers a panic, which in a goroutine would end the process and with it the work on the other orders. It is
// passed over like a broken invariant: the next attempt would most likely end the same, and stop the shard.
func (m Mirror) safely(ctx context.Context, id contracts.OrderID) (err error) {
	defer func() {
		if p := recover(); p != nil {
			m.Log.ErrorContext(ctx, "handler panicked", telemetry.KeyOrder, id, telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			err = &retry.PoisonError{Reason: "panic", Err: fmt.Errorf("%v", p)}
		}
	}()
	return m.apply(ctx, id)
}

// attempts bounds how often a row may change while it is mirrored.
const attempts = 4

var errRowKeepsChanging = errors.New("the row kept changing")

// apply brings one order's places to what its row says now.
func (m Mirror) apply(ctx context.Context, id contracts.OrderID) error {
	refused := 0 // the version that Redis refused as old
	for range attempts {
		row, found, err := m.Rows.Read(ctx, id)
		if err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		if !found {
			return nil // a row that is gone is nobody's here
		}
		err = m.applyRow(ctx, row)
		switch {
		case errors.Is(err, sale.ErrStale) && row.Version == refused:
			// A version is in the row before it is in Redis, so that reading again found what Redis knows.
			return &retry.PoisonError{Reason: "redis_ahead", Err: fmt.Errorf("version %d: %w", row.Version, err)}
		case errors.Is(err, sale.ErrStale):
			refused = row.Version
		case errors.Is(err, sale.ErrAgain):
		case err != nil:
			return err
		default:
			if n := len(row.History); n > 0 {
				m.Meter.Put(telemetry.MirrorLag, telemetry.Milliseconds(contracts.InstantOf(m.Now()).Sub(row.History[n-1].At)))
			}
			return nil
		}
	}
	return errRowKeepsChanging
}

func (m Mirror) applyRow(ctx context.Context, row order.Order) error {
	switch {
	case row.Status.Open():
		return m.keep(ctx, row)
	case row.Status.Paid():
		return m.sell(ctx, row)
	case row.Status == contracts.Revoked, row.Status == contracts.Refunded:
		places, err := rebuild.Places(ctx, m.Catalogue, row, row.Seats)
		if err != nil {
			return err
		}
		return m.seller().Restore(ctx, row.SeatGroup(), row.OrderID, places, row.Version)
	default:
		return m.release(ctx, row)
	}
}

// keep makes the hold of an open order again. A place that is another's is left: the tickets decide between them.
func (m Mirror) keep(ctx context.Context, row order.Order) error {
	applied, err := rebuild.Keep(ctx, m.Holds, m.Loader, m.Catalogue, row)
	if err == nil && applied == holds.Stale && contracts.InstantOf(m.Now()) < row.ExpiresFrom() {
		return sale.ErrStale
	}
	// Stale after its end: the hold has lapsed here or the order's end was applied. The row follows soon.
	return err
}

// release gives back what is held for an ended order; a stale call means that the row has moved on.
func (m Mirror) release(ctx context.Context, row order.Order) error {
	var r holds.Release
	err := m.loaded(ctx, row.SeatGroup(), func() (err error) {
		r, err = m.Holds.Release(ctx, row.SeatGroup(), row.OrderID, row.Version)
		return err
	})
	if err == nil && r.Stale {
		return sale.ErrStale
	}
	return err
}

func (m Mirror) seller() sale.Seller {
	return sale.Seller{Rows: m.Rows, Holds: m.Holds, Loader: m.Loader, Sender: m.Sender}
}

func (m Mirror) loaded(ctx context.Context, g contracts.SeatGroup, call func() error) error {
	return rebuild.Loaded(ctx, m.Loader, g, call)
}
