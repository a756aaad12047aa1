package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/ended"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/sale"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Authorized handles PaymentAuthorized: the order's seats become its own, then they are sold in Redis, then the money is
// asked for. An order that cannot have them any more is ended, and its authorisation voided.
type Authorized struct {
	Orders    Orders
	Seller    sale.Seller
	Ending    ended.Ending
	Catalogue rebuild.Layouts
	Sender    Sender
	// Mode is the one that this environment's keys are of: another's authorisation pays for nothing here.
	Mode  message.PaymentMode
	Meter *telemetry.Meter
	Now   func() time.Time
}

// Handle handles one PaymentAuthorized. It relies on nothing but the row: the message may be late or repeated.
func (h Authorized) Handle(ctx context.Context, d message.Delivery, m message.PaymentAuthorized) retry.Outcome {
	return retry.Reread(func() (retry.Outcome, bool) { return h.once(ctx, d, m) })
}

func (h Authorized) once(ctx context.Context, d message.Delivery, m message.PaymentAuthorized) (outcome retry.Outcome, again bool) {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	if err != nil {
		return retry.Classify(fmt.Errorf("read row: %w", err)), false
	}
	if !found {
		return retry.Poison("no_row", errNotOurs), false
	}
	cause := order.Cause{Kind: message.KindPaymentAuthorized, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())}
	if row.Status.Paid() && row.Payment.IntentID != m.PaymentIntentID {
		// The client secret of one PaymentIntent is shown, so a second one that is authorised is nobody's who plays fair.
		return retry.Poison("second_authorization", fmt.Errorf("the order is paid by %s", row.Payment.IntentID)), false
	}
	switch {
	case row.Status.Open():
		return h.decide(ctx, row, m, cause)
	case row.Status == contracts.Committed:
		return h.sell(ctx, row)
	case row.Status.Dead():
		return h.giveBack(ctx, row, m), false
	default:
		return retry.Done(), false
	}
}

// decide commits an open order, or ends it: its money does not fit, it comes too late, or its seats are another's.
func (h Authorized) decide(ctx context.Context, row order.Order, m message.PaymentAuthorized, cause order.Cause) (outcome retry.Outcome, again bool) {
	if why := h.mismatch(row, m); why != nil {
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		rejected, err := row.Reject(contracts.ReasonPaymentMismatch, nil, cause)
		return h.end(ctx, row, rejected, err, m)
	}
	if cause.At > row.HoldExpiresAt.Add(seatstate.CommitUntil) {
		expired, err := row.Expire(cause)
		return h.end(ctx, row, expired, err, m)
	}
	committed, err := row.Commit(m.PaymentIntentID, cause)
	if err != nil {
		return retry.Poison("transition", err), false
	}
	result, err := h.Orders.Commit(ctx, row, committed)
	switch {
	case err != nil:
		return retry.Classify(err), false
	case result.Moved:
		return retry.Outcome{}, true
	case !result.Done:
		rejected, err := row.Reject(contracts.ReasonSeatLost, result.Taken, cause)
		return h.end(ctx, row, rejected, err, m)
	}
	h.Meter.Put(telemetry.OrdersCommitted, 1)
	return h.sell(ctx, committed)
}

// errMismatch is an authorisation that is not what the order costs.
var errMismatch = errors.New("the authorisation does not match the order")

// mismatch compares what was authorised with the row, which has the price from the catalogue.
func (h Authorized) mismatch(row order.Order, m message.PaymentAuthorized) error {
	if row.Amount == nil || m.Amount != *row.Amount || m.Mode != h.Mode || m.SeatGroup() != row.SeatGroup() {
		return errMismatch
	}
	return nil
}

// end writes the ended version of an open row, and gives back what the order had.
func (h Authorized) end(ctx context.Context, row, over order.Order, transition error, m message.PaymentAuthorized) (outcome retry.Outcome, again bool) {
	if transition != nil {
		return retry.Poison("transition", transition), false
	}
	done, err := h.Orders.Update(ctx, row, over)
	switch {
	case err != nil:
		return retry.Classify(fmt.Errorf("row %s: %w", over.Status, err)), false
	case !done:
		return retry.Outcome{}, true
	default:
		return h.giveBack(ctx, over, m), false
	}
}

// giveBack is for an order that has ended: its seats, and the authorisation that came all the same.
func (h Authorized) giveBack(ctx context.Context, row order.Order, m message.PaymentAuthorized) retry.Outcome {
	if err := h.Ending.Finish(ctx, row, m.PaymentIntentID); err != nil {
		return retry.Classify(err)
	}
	return retry.Refused("order_over")
}

// sell shows the seats of a committed order as sold, tells whom that displaced, and asks for the money.
func (h Authorized) sell(ctx context.Context, row order.Order) (outcome retry.Outcome, again bool) {
	places, err := rebuild.Places(ctx, h.Catalogue, row, row.Seats)
	if err != nil {
		return retry.Classify(err), false
	}
	switch err := h.Seller.Sell(ctx, row, row.Seats, places); {
	case errors.Is(err, sale.ErrAgain), errors.Is(err, sale.ErrStale):
		return retry.Outcome{}, true
	case err != nil:
		return retry.Classify(err), false
	}
	capture, err := message.Encode(message.CapturePayment{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version}, "")
	if err != nil {
		return retry.Poison("encode", err), false
	}
	if err := h.Sender.Send(ctx, capture); err != nil {
		return retry.Classify(fmt.Errorf("send CapturePayment: %w", err)), false
	}
	return retry.Done(), false
}
