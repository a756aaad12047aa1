// Package sale brings seats that an order owns into Redis, for commit right after the transaction and for mirror whenever
// the row has changed. A sale wins over every hold and over no sale; whom it displaced is told.
package sale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
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
	Sell(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, places []int, version int) (holds.Sale, error)
	Restore(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, places []int, version int) (holds.Release, error)
}

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// Seller is safe for concurrent use.
type Seller struct {
	Rows   Rows
	Holds  Holds
	Loader rebuild.Loader
	Sender Sender
}

// Errors that ask the caller to read the row again and to go on from it.
var (
	// ErrAgain: another's sale was met and is out of the way.
	ErrAgain = errors.New("read the row again")
	// ErrStale: Redis knows a later version.
	ErrStale = errors.New("redis knows a later version")
)

// Sell sells seats of a row that has their tickets, at these places, and tells whom it displaced.
func (s Seller) Sell(ctx context.Context, row order.Order, seats []string, places []int) error {
	var sold holds.Sale
	if err := rebuild.Loaded(ctx, s.Loader, row.SeatGroup(), func() (err error) {
		sold, err = s.Holds.Sell(ctx, row.SeatGroup(), row.OrderID, places, row.Version)
		return err
	}); err != nil {
		return fmt.Errorf("sell: %w", err)
	}
	switch {
	case sold.Stale:
		return ErrStale
	case sold.Conflict != nil:
		return s.help(ctx, row, seats[slices.Index(places, sold.Conflict.Place)], *sold.Conflict)
	default:
		return Tell(ctx, s.Sender, row.SeatGroup(), sold.Displaced, causeOf(row))
	}
}

// Restore frees places that are not the order's any more, under a version of its row. ErrStale: the row has moved on.
func (s Seller) Restore(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, places []int, version int) error {
	var r holds.Release
	err := rebuild.Loaded(ctx, s.Loader, g, func() (err error) {
		r, err = s.Holds.Restore(ctx, g, id, places, version)
		return err
	})
	if err == nil && r.Stale {
		return ErrStale
	}
	return err
}

// help: a seat of this order is sold in Redis to another. Where the ticket says otherwise, the other's own mirror has
// not taken its sale back yet, so it is done here. A sale is never overwritten.
//
// The tickets are read again: those that this order's sale went by may be older than the other's sale. Then the seat
// changed hands in between, and taking the sale back would free a seat that has an owner.
func (s Seller) help(ctx context.Context, row order.Order, seat string, c holds.Conflict) error {
	tickets, err := s.Rows.Tickets(ctx, row.SeatGroup())
	if err != nil {
		return fmt.Errorf("read tickets: %w", err)
	}
	if tickets[seat] == c.Owner {
		return s.lost(ctx, row, seat)
	}
	other, found, err := s.Rows.Read(ctx, c.Owner)
	switch {
	case err != nil:
		return fmt.Errorf("read row of %s: %w", c.Owner, err)
	case !found:
		return &retry.PoisonError{Reason: "sold_without_row", Err: fmt.Errorf("seat %s is sold to %s", seat, c.Owner)}
	}
	// Refused as old or done: either way the other's sale is not what it was.
	if err := s.Restore(ctx, row.SeatGroup(), c.Owner, []int{c.Place}, other.Version); err != nil && !errors.Is(err, ErrStale) {
		return err
	}
	return ErrAgain
}

// lost: the seat has another's ticket. A ticket leaves an order only with a version of its row, so the row has moved on
// since, or two orders own the seat.
func (s Seller) lost(ctx context.Context, row order.Order, seat string) error {
	now, found, err := s.Rows.Read(ctx, row.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if found && now.Version == row.Version {
		return &retry.PoisonError{Reason: "two_owners", Err: fmt.Errorf("seat %s has another's ticket", seat)}
	}
	return ErrAgain
}

// Tell sends orders whose seat is another's their end. commandID names the cause, so that a repeat is the same send.
func Tell(ctx context.Context, sender Sender, g contracts.SeatGroup, lost []contracts.OrderID, commandID string) error {
	var messages []message.Encoded
	for _, id := range lost {
		encoded, err := message.Encode(message.SettleOrder{
			OrderID: id, ConcertID: g.ConcertID, Group: g.Group, Reason: contracts.ReasonSeatLost, CommandID: commandID,
		}, "")
		if err != nil {
			return fmt.Errorf("encode SettleOrder: %w", err)
		}
		messages = append(messages, encoded)
	}
	if len(messages) == 0 {
		return nil
	}
	if err := sender.Send(ctx, messages...); err != nil {
		return fmt.Errorf("send SettleOrder: %w", err)
	}
	return nil
}

// causeOf names a sale within the 36 characters of a command id: the version and the last letters of the order's id.
func causeOf(row order.Order) string {
	id := string(row.OrderID)
	return "s" + strconv.Itoa(row.Version) + "-" + id[max(0, len(id)-24):]
}
