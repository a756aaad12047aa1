// Package queries answers the routes that only read: an order to its buyer, and the catalogue to everybody. There is one file per
// route.
package queries

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
)

// Rows reads rows of orders. It is safe for concurrent use.
type Rows interface {
	// Order reads an order's row, consistently. It blocks until then or until ctx ends. An error means that the row is not known.
	Order(ctx context.Context, id contracts.OrderID) (row readmodel.Order, found bool, err error)
}

// Owners verifies order ids. It does no I/O and is safe for concurrent use.
type Owners interface {
	// Verify returns the id and true if it is this buyer's.
	Verify(userID, id string) (contracts.OrderID, bool)
}

// Pacer reads how far decisions are behind the queue. It is safe for concurrent use.
type Pacer interface {
	// Pace blocks for at most some hundred milliseconds. With an error the lag is not known.
	Pace(ctx context.Context) (pace.Lag, error)
}

// Order answers GET /api/orders/{orderId}. It is safe for concurrent use.
type Order struct {
	Rows   Rows
	Owners Owners
	Pacer  Pacer
	// Jitter spreads the waits that clients are sent.
	Jitter pace.Source
	// PublishableKey is Stripe's key for browsers. It is sent with the client secret.
	PublishableKey string
	// Seatings says where the seats of tickets are, and Near what is near the seats of a rejected order.
	Seatings Seatings
	Near     Near
	Log      *slog.Logger
	Now      func() time.Time
}

// Handle implements httpapi.Handler. Whatever is wrong with an id, its form, its tag or its owner, the answer is the same 404, so
// that nobody learns which orders exist.
func (h Order) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
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
	if err != nil {
		h.Log.WarnContext(ctx, "row not read", telemetry.KeyOrder, id, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
		// While rows cannot be read, every client that follows an order gets this answer.
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeUnavailable, "The order cannot be read right now.").
			After(pace.Ms(pace.Queued(pace.Lag{}, h.Jitter)))
	}
	if !found {
		lag := h.lag(ctx)
		wait := pace.Queued(lag, h.Jitter)
		estimate := pace.WaitSeconds(lag, wait)
		return orderAnswer(orderview.Order{
			OrderID: id, Status: contracts.Queued, Timeline: []orderview.Entry{{Status: contracts.Queued}}, EstimatedWaitSeconds: &estimate,
		}, wait), nil
	}
	if !row.OwnedBy(user) {
		return httpapi.Response{}, notFound
	}
	with := orderview.With{PublishableKey: h.PublishableKey, Card: true, Timeline: true}
	switch row.Status {
	case contracts.Confirmed:
		with.Layout = h.layoutOf(ctx, row)
	case contracts.Rejected:
		with.Suggestions = h.Near.Suggest(ctx, row)
	}
	return orderAnswer(orderview.Of(row, with), pace.Row(row.Status, h.unchanged(row), h.Jitter)), nil
}

// layoutOf returns the layout of an order's tickets; nil if it is not known, which hides no ticket.
func (h Order) layoutOf(ctx context.Context, row readmodel.Order) []readmodel.LayoutGroup {
	layout, err := groupsOf(ctx, h.Seatings, row)
	if err != nil {
		h.Log.WarnContext(ctx, "layout of tickets not read", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	}
	return layout
}

// lag returns the lag that paces an order without a row.
func (h Order) lag(ctx context.Context) pace.Lag {
	lag, err := h.Pacer.Pace(ctx)
	if err != nil {
		h.Log.WarnContext(ctx, "pace not read", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	}
	return lag
}

func (h Order) unchanged(row readmodel.Order) time.Duration {
	return unchanged(row, contracts.InstantOf(h.Now()))
}

// unchanged returns how long a row has been as it is at now.
func unchanged(row readmodel.Order, now contracts.Instant) time.Duration {
	if len(row.History) == 0 {
		return 0
	}
	return now.Sub(row.History[len(row.History)-1].At)
}

// orderAnswer makes the answer about an order. wait is when the client should ask again if the order is not settled.
func orderAnswer(v orderview.Order, wait time.Duration) httpapi.Response {
	headers := httpapi.Headers{}
	if !v.Status.Settled() {
		ms := pace.Ms(wait)
		v.PollAfterMs = &ms
		headers["Retry-After"] = httpapi.RetryAfter(ms)
	}
	return httpapi.JSON(http.StatusOK, v, headers)
}
