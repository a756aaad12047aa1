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

// Declined handles PaymentDeclined: the buyer is told why, and may try another card until the hold ends.
type Declined struct {
	Orders Orders
}

// Handle handles one PaymentDeclined.
func (h Declined) Handle(ctx context.Context, m message.PaymentDeclined) retry.Outcome {
	return retry.Reread(func() (retry.Outcome, bool) { return h.once(ctx, m) })
}

func (h Declined) once(ctx context.Context, m message.PaymentDeclined) (outcome retry.Outcome, again bool) {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	if err != nil {
		return retry.Classify(fmt.Errorf("read row: %w", err)), false
	}
	if !found {
		return retry.Poison("no_row", errNotOurs), false
	}
	noted, err := row.NoteDecline(readmodel.PaymentError{EventID: m.EventID, At: m.At, Code: m.Code, Message: m.Text})
	if errors.Is(err, order.ErrNothingNew) {
		return retry.Done(), false
	}
	if err != nil {
		return retry.Poison("transition", err), false
	}
	done, err := h.Orders.Update(ctx, row, noted)
	if err != nil {
		return retry.Classify(fmt.Errorf("note the decline: %w", err)), false
	}
	return retry.Done(), !done
}
