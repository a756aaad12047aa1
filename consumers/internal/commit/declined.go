package commit

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Declined handles PaymentDeclined: the row shows the buyer why the card was refused. Another card may be tried until the hold
// ends.
type Declined struct {
	Orders Orders
}

// Handle handles one PaymentDeclined.
func (h Declined) Handle(ctx context.Context, m message.PaymentDeclined) error {
	return retry.Reread(func() error { return h.handleOnce(ctx, m) })
}

func (h Declined) handleOnce(ctx context.Context, m message.PaymentDeclined) error {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if !found {
		return retry.Poison("no_row", errNoRow)
	}
	noted, err := row.NoteDecline(readmodel.PaymentError{EventID: m.EventID, At: m.At, Code: m.Code, Message: m.Text})
	if errors.Is(err, order.ErrNothingNew) {
		return nil
	}
	if err != nil {
		return retry.Poison("transition", err)
	}
	if err := h.Orders.Update(ctx, row, noted); err != nil {
		return fmt.Errorf("note the decline: %w", err)
	}
	return nil
}
