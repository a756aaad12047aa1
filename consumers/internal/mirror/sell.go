package mirror

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
)

// sell sells what the order has tickets for, and frees what was withdrawn.
func (m Mirror) sell(ctx context.Context, row order.Order) error {
	tickets, err := m.Rows.Tickets(ctx, row.SeatGroup())
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
		places, err := rebuild.Places(ctx, m.Catalogue, row, owned)
		if err != nil {
			return err
		}
		if err := m.seller().Sell(ctx, row, owned, places); err != nil {
			return err
		}
	}
	if len(withdrawn) == 0 {
		return nil
	}
	places, err := rebuild.Places(ctx, m.Catalogue, row, withdrawn)
	if err != nil {
		return err
	}
	return m.seller().Restore(ctx, row.SeatGroup(), row.OrderID, places, row.Version)
}
