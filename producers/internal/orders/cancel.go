package orders

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
)

// Owners verifies order ids. It does no I/O and is safe for concurrent use.
type Owners interface {
	// Verify returns the id and true if it is this buyer's.
	Verify(userID, id string) (contracts.OrderID, bool)
}

// Cancel answers DELETE /api/orders/{orderId}: it enqueues a CancelOrder for an open order. The queue decides: the order may be
// paid before the message is handled.
type Cancel struct {
	Rows   Rows
	Queue  Queue
	Owners Owners
	// Jitter spreads the waits that clients are sent.
	Jitter pace.Source
	Log    *slog.Logger
}

// state is the body about an order that has a row.
type state struct {
	OrderID     contracts.OrderID `json:"orderId"`
	Status      contracts.Status  `json:"status"`
	Version     int               `json:"version"`
	PollAfterMs *int              `json:"pollAfterMs,omitempty"`
}

// Handle implements httpapi.Handler.
func (h Cancel) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	user, err := r.RequireUser()
	if err != nil {
		return httpapi.Response{}, err
	}
	notFound := httpapi.NewProblem(httpapi.CodeOrderNotFound, "You have no such order.")
	id, ok := h.Owners.Verify(user, r.PathParameters["orderId"])
	if !ok {
		return httpapi.Response{}, notFound
	}
	row, found, err := h.Rows.Order(ctx, id)
	switch {
	case err != nil:
		return httpapi.Response{}, h.unavailable(ctx, id, "row not read", err)
	case !found:
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeOrderNotDecided, "The order is not decided yet, so there is nothing to cancel.").
			After(pace.Ms(pace.Queued(pace.Lag{}, h.Jitter)))
	case !row.OwnedBy(user):
		return httpapi.Response{}, notFound
	case row.Status.Paid():
		paid := httpapi.NewProblem(httpapi.CodeOrderPaid, "The order is paid. Ask for a refund instead.")
		if !row.Status.Settled() {
			paid = paid.After(pace.Ms(pace.Row(row.Status, 0, h.Jitter))) // its money is being taken
		}
		return httpapi.Response{}, paid
	case !row.Status.Open():
		return httpapi.JSON(http.StatusOK, state{OrderID: id, Status: row.Status, Version: row.Version}, nil), nil
	}
	encoded, err := message.Encode(message.CancelOrder{
		OrderID: id, ConcertID: row.ConcertID, Group: row.Group, CommandID: "v" + strconv.Itoa(row.Version),
	}, telemetry.Trace(ctx))
	if err != nil {
		h.Log.ErrorContext(ctx, "cancellation not encoded", telemetry.KeyOrder, id, telemetry.KeyError, err.Error())
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeInternal, "The order could not be cancelled.")
	}
	if err := h.Queue.Send(ctx, encoded); err != nil {
		return httpapi.Response{}, h.unavailable(ctx, id, "cancellation not enqueued", err)
	}
	wait := pace.Ms(pace.Row(row.Status, 0, h.Jitter))
	return httpapi.JSON(http.StatusAccepted, state{OrderID: id, Status: row.Status, Version: row.Version, PollAfterMs: &wait}, httpapi.Headers{
		"Location": "/api/orders/" + string(id), "Retry-After": httpapi.RetryAfter(wait),
	}), nil
}

func (h Cancel) unavailable(ctx context.Context, id contracts.OrderID, what string, err error) error {
	h.Log.WarnContext(ctx, what, telemetry.KeyOrder, id, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	return httpapi.NewProblem(httpapi.CodeUnavailable, "The order cannot be cancelled right now. Send the request again.").
		After(pace.Ms(pace.Queued(pace.Lag{}, h.Jitter)))
}
