package orders

import (
	"context"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
)

// known says what the tables say of an order that Redis did not refuse: its row, if it has one, or why it is refused. Neither
// is an order that may be enqueued. The row comes first, whatever else is known: an order that has a row is that row.
//
// What is not known refuses nobody, since the consumer's conditional put decides: not a row that was not read, not an allowance
// that is not there. An order that is refused for its buyer's limit has no row for sure: the batch may have seen the order's own
// transaction half done, its seats counted and its row not yet there, so the row is read once more, alone.
func (h Place) known(ctx context.Context, user string, id contracts.OrderID, request admission.Request, admitted admission.Admitted, seen sight) (*readmodel.Order, error) {
	account, err := h.Rows.Account(ctx, id, request.ConcertID, user)
	if err != nil {
		h.warn(ctx, id, "row and allowance not read before the order was enqueued", err)
		account.RowUnknown = true
	}
	switch {
	case account.Row != nil:
		return same(account.Row, admitted.RequestHash)
	case seen.soldOut && !account.RowUnknown:
		return nil, soldOut()
	case account.RowUnknown || account.Counted == nil || *account.Counted+request.Size() <= admitted.BuyerLimit:
		return nil, nil
	}
	row, found, err := h.Rows.Order(ctx, id)
	switch {
	case err != nil:
		h.warn(ctx, id, "row not read again before the order was enqueued", err)
		return nil, nil
	case found:
		return same(&row, admitted.RequestHash)
	default:
		return nil, limitReached(*account.Counted, request.Size(), admitted.BuyerLimit)
	}
}

// same is the row, if it is that of this very request.
func same(row *readmodel.Order, hash string) (*readmodel.Order, error) {
	if row.RequestHash != hash {
		return nil, httpapi.NewProblem(httpapi.CodeIdempotencyMismatch, "This Idempotency-Key belongs to an order with another body.")
	}
	return row, nil
}

func soldOut() error {
	return httpapi.NewProblem(httpapi.CodeSoldOut, contracts.ReasonNoAdjacent.Detail())
}

func limitReached(counted, wanted, limit int) error {
	return httpapi.NewProblem(httpapi.CodeLimitReached, fmt.Sprintf(
		"A buyer may have at most %d seats of this concert, in open orders and tickets together. You have %d, and this order asks for %d.", limit, counted, wanted))
}
