// Package queries answers the routes that only read: an order to its buyer, and the catalogue to everybody. There is one file per
// route.
package queries

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"boxoffice/contracts"
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
	Log            *slog.Logger
	Now            func() time.Time
}

// orderView is an order as its buyer sees it. Members that do not apply yet are omitted.
type orderView struct {
	OrderID       contracts.OrderID  `json:"orderId"`
	Version       int                `json:"version"`
	ConcertID     string             `json:"concertId,omitempty"`
	Status        contracts.Status   `json:"status"`
	Seats         []string           `json:"seats,omitempty"`
	Amount        *contracts.Money   `json:"amount,omitempty"`
	HoldExpiresAt *contracts.Instant `json:"holdExpiresAt,omitempty"`
	// EstimatedWaitSeconds is set while the order is queued.
	EstimatedWaitSeconds *int        `json:"estimatedWaitSeconds,omitempty"`
	PollAfterMs          *int        `json:"pollAfterMs,omitempty"`
	Reason               *reasonView `json:"reason,omitempty"`
	// Payment is set while the order awaits payment, and no longer: the secret lets its holder pay.
	Payment *paymentView `json:"payment,omitempty"`
	// Tickets are set once the order is confirmed.
	Tickets  []ticketView `json:"tickets,omitempty"`
	Timeline []entryView  `json:"timeline"`
}

// paymentView is what a browser confirms the payment with, and the error of the last try.
type paymentView struct {
	ClientSecret   string            `json:"clientSecret"`
	PublishableKey string            `json:"publishableKey"`
	LastError      *paymentErrorView `json:"lastError,omitempty"`
}

type paymentErrorView struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type ticketView struct {
	ID     contracts.TicketID     `json:"id"`
	Seat   string                 `json:"seat"`
	Status contracts.TicketStatus `json:"status"`
}

type reasonView struct {
	Code   contracts.Reason `json:"code"`
	Detail string           `json:"detail"`
	Seats  []string         `json:"seats,omitempty"`
}

type entryView struct {
	Status  contracts.Status   `json:"status"`
	Version *int               `json:"version,omitempty"`
	At      *contracts.Instant `json:"at,omitempty"`
	Cause   string             `json:"cause,omitempty"`
}

// Handle implements httpapi.Handler. Whatever is wrong with an id, its form, its tag or its owner, the answer is the same 404, so
// that nobody learns which orders exist.
func (h Order) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	user := r.UserID()
	if user == "" {
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeUnauthorized, "The token names no user.")
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
		return orderAnswer(orderView{
			OrderID: id, Status: contracts.Queued, Timeline: []entryView{{Status: contracts.Queued}}, EstimatedWaitSeconds: &estimate,
		}, wait), nil
	}
	if !row.OwnedBy(user) {
		return httpapi.Response{}, notFound
	}
	return orderAnswer(h.viewOf(row), pace.Row(row.Status, h.unchanged(row), h.Jitter)), nil
}

// lag returns the lag that paces an order without a row.
func (h Order) lag(ctx context.Context) pace.Lag {
	lag, err := h.Pacer.Pace(ctx)
	if err != nil {
		h.Log.WarnContext(ctx, "pace not read", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	}
	return lag
}

// unchanged returns how long a row has been as it is.
func (h Order) unchanged(row readmodel.Order) time.Duration {
	if len(row.History) == 0 {
		return 0
	}
	return contracts.InstantOf(h.Now()).Sub(row.History[len(row.History)-1].At)
}

// orderAnswer makes the answer about an order. wait is when the client should ask again if the order is not settled.
func orderAnswer(v orderView, wait time.Duration) httpapi.Response {
	headers := httpapi.Headers{}
	if !v.Status.Settled() {
		ms := pace.Ms(wait)
		v.PollAfterMs = &ms
		headers["Retry-After"] = httpapi.RetryAfter(ms)
	}
	return httpapi.JSON(http.StatusOK, v, headers)
}

func (h Order) viewOf(row readmodel.Order) orderView {
	v := orderView{
		OrderID: row.OrderID, Version: row.Version, ConcertID: row.ConcertID, Status: row.Status,
		Seats: row.Seats, Amount: row.Amount, Timeline: timelineOf(row),
	}
	if row.HoldExpiresAt != 0 {
		v.HoldExpiresAt = &row.HoldExpiresAt
	}
	if row.Reason != nil {
		v.Reason = &reasonView{Code: row.Reason.Code, Detail: row.Reason.Code.Detail(), Seats: row.Reason.Seats}
	}
	switch p := row.Payment; {
	case row.Status == contracts.AwaitingPayment && p != nil:
		v.Payment = &paymentView{ClientSecret: p.ClientSecret, PublishableKey: h.PublishableKey}
		if e := p.LastError; e != nil {
			v.Payment.LastError = &paymentErrorView{Code: e.Code, Message: e.Message}
		}
	case row.Status == contracts.Confirmed:
		for _, seat := range row.Seats {
			v.Tickets = append(v.Tickets, ticketView{ID: contracts.TicketIDOf(row.OrderID, seat), Seat: seat, Status: contracts.TicketValid})
		}
	}
	return v
}

// timelineOf returns QUEUED at version 0, which no row has, and then the row's history.
func timelineOf(row readmodel.Order) []entryView {
	zero := 0
	timeline := []entryView{{Status: contracts.Queued, Version: &zero, At: &row.AcceptedAt}}
	for _, e := range row.History {
		timeline = append(timeline, entryView{Status: e.Status, Version: &e.Version, At: &e.At, Cause: e.Cause})
	}
	return timeline
}
