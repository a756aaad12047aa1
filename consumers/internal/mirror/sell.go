package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// sell sells what the order has tickets for, frees what was withdrawn, and tells whom it displaced.
func (m Mirror) sell(ctx context.Context, row order.Order) error {
	g := row.SeatGroup()
	tickets, err := m.Rows.Tickets(ctx, g)
	if err != nil {
		return fmt.Errorf("read tickets: %w", err)
	}
	var owned, withdrawn []string
	for _, seat := range row.Seats {
		if tickets[seat] == row.OrderID {
			owned = append(owned, seat)
		} else {
			withdrawn = append(withdrawn, seat)
		}
	}
	if len(owned) > 0 {
		places, err := m.places(ctx, row, owned)
		if err != nil {
			return err
		}
		var sale holds.Sale
		if err := m.loaded(ctx, g, func() (err error) {
			sale, err = m.Holds.Sell(ctx, g, row.OrderID, places, row.Version)
			return err
		}); err != nil {
			return err
		}
		switch {
		case sale.Stale:
			return errStale
		case sale.Conflict != nil:
			return m.help(ctx, row, owned[slices.Index(places, sale.Conflict.Place)], *sale.Conflict)
		}
		if err := m.tell(ctx, row, sale.Displaced); err != nil {
			return err
		}
	}
	if len(withdrawn) == 0 {
		return nil
	}
	places, err := m.places(ctx, row, withdrawn)
	if err != nil {
		return err
	}
	return m.restore(ctx, g, row.OrderID, places, row.Version)
}

// help: a seat of this order is sold in Redis to another. Where the ticket says otherwise, the other's own mirror has
// not taken its sale back yet, so it is done here. A sale is never overwritten.
//
// The tickets are read again: those that this order's sale went by may be older than the other's sale. Then the seat
// changed hands in between, and taking the sale back would free a seat that has an owner.
func (m Mirror) help(ctx context.Context, row order.Order, seat string, c holds.Conflict) error {
	tickets, err := m.Rows.Tickets(ctx, row.SeatGroup())
	if err != nil {
		return fmt.Errorf("read tickets: %w", err)
	}
	if tickets[seat] == c.Owner {
		return m.lost(ctx, row, seat)
	}
	other, found, err := m.Rows.Read(ctx, c.Owner)
	switch {
	case err != nil:
		return fmt.Errorf("read row of %s: %w", c.Owner, err)
	case !found:
		return &retry.PoisonError{Reason: "sold_without_row", Err: fmt.Errorf("seat %s is sold to %s", seat, c.Owner)}
	}
	// Refused as old or done: either way the other's sale is not what it was.
	if err := m.restore(ctx, row.SeatGroup(), c.Owner, []int{c.Place}, other.Version); err != nil && !errors.Is(err, errStale) {
		return err
	}
	return errAgain
}

// lost: the seat has another's ticket. A ticket leaves an order only with a version of its row, so the row has moved on
// since, or two orders own the seat.
func (m Mirror) lost(ctx context.Context, row order.Order, seat string) error {
	now, found, err := m.Rows.Read(ctx, row.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if found && now.Version == row.Version {
		return &retry.PoisonError{Reason: "two_owners", Err: fmt.Errorf("seat %s has another's ticket", seat)}
	}
	return errAgain
}

// tell sends each displaced order its end. The cause is this very sale, so that a repeat is the same send.
func (m Mirror) tell(ctx context.Context, row order.Order, displaced []contracts.OrderID) error {
	var messages []message.Encoded
	for _, id := range displaced {
		encoded, err := message.Encode(message.SettleOrder{
			OrderID: id, ConcertID: row.ConcertID, Group: row.Group, Reason: contracts.ReasonSeatLost,
			CommandID: causeOf(row),
		}, "")
		if err != nil {
			return fmt.Errorf("encode SettleOrder: %w", err)
		}
		messages = append(messages, encoded)
	}
	if len(messages) == 0 {
		return nil
	}
	if err := m.Sender.Send(ctx, messages...); err != nil {
		return fmt.Errorf("send SettleOrder: %w", err)
	}
	return nil
}

// causeOf names a sale within the 36 characters of a command id: the version and the last letters of the order's id.
func causeOf(row order.Order) string {
	id := string(row.OrderID)
	return "s" + strconv.Itoa(row.Version) + "-" + id[max(0, len(id)-24):]
}
