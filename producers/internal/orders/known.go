package orders

import (
	"context"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
)

// checkAccount reads the order's row and its buyer's allowance. It returns the row if there is one, an error if the order is
// refused, and neither if the order may be enqueued. The row comes first, whatever else is known: an order that has a row is that
// row.
//
// What is not known refuses nobody, since the consumer's conditional put decides: neither a row that was not read nor a missing
// allowance, unless the order alone is over the limit. An order that is refused for its buyer's limit certainly has no row. The batch
// may have seen the order's own transaction half done, with its seats counted and its row missing, so the row is read once more, alone.
func (h Place) checkAccount(ctx context.Context, user string, id contracts.OrderID, request admission.Request, admitted admission.Admitted, seen shown) (*readmodel.Order, error) {
	account, err := h.Rows.Account(ctx, id, request.ConcertID, user)
	if err != nil {
		h.warn(ctx, id, "row and allowance not read before the order was enqueued", err)
		account.RowUnknown = true
	}
	switch {
	case account.Row != nil:
		return sameRequest(account.Row, admitted.RequestHash)
	case seen.soldOut && !account.RowUnknown:
		return nil, soldOut().Near(seen.instead())
	}
	counted := 0
	if account.Counted != nil {
		counted = *account.Counted
	}
	if account.RowUnknown || admitted.Rules.Limits(request.Size(), counted) == "" {
		return nil, nil
	}
	row, found, err := h.Rows.Order(ctx, id)
	switch {
	case err != nil:
		h.warn(ctx, id, "row not read again before the order was enqueued", err)
		return nil, nil
	case found:
		return sameRequest(&row, admitted.RequestHash)
	default:
		return nil, limitReached(counted, request.Size(), admitted.Rules.LimitPerBuyer)
	}
}

// sameRequest returns the row if it is the row of this very request, else a problem.
func sameRequest(row *readmodel.Order, hash string) (*readmodel.Order, error) {
	if row.RequestHash != hash {
		return nil, httpapi.NewProblem(httpapi.CodeIdempotencyMismatch, "This Idempotency-Key belongs to an order with another body.")
	}
	return row, nil
}

func soldOut() *httpapi.Problem {
	return httpapi.NewProblem(httpapi.CodeSoldOut, contracts.ReasonNoAdjacent.Detail())
}

func limitReached(counted, wanted, limit int) error {
	return httpapi.NewProblem(httpapi.CodeLimitReached, fmt.Sprintf(
		"A buyer may have at most %d seats of this concert, in open orders and tickets together. You have %d, and this order asks for %d.", limit, counted, wanted))
}
