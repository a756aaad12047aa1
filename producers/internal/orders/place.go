// Package orders answers POST /api/orders: it validates, looks at Redis and the row, and enqueues. It writes nothing
// else; the queue decides.
package orders

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
)

// Catalogue answers concerts and layouts, some seconds old at most.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (readmodel.Concert, bool, error)
	Seating(ctx context.Context, concertID string, version int, frozen bool) (*admission.Seating, bool, error)
}

// Seats is the look at Redis. It answers which places are for sure another order's; an error is no answer.
type Seats interface {
	Taken(ctx context.Context, g contracts.SeatGroup, order contracts.OrderID, places []int, now contracts.Instant) ([]int, error)
}

// Rows is a consistent read of an order's row.
type Rows interface {
	Order(ctx context.Context, id contracts.OrderID) (row readmodel.Order, found bool, err error)
}

// Queue takes a message; a nil error means that it has it.
type Queue interface {
	Send(ctx context.Context, m message.Encoded) error
}

// IDs makes order ids.
type IDs interface {
	Mint(userID, idempotencyKey string) contracts.OrderID
}

// Place answers POST /api/orders.
type Place struct {
	Catalogue Catalogue
	Seats     Seats
	Rows      Rows
	Queue     Queue
	IDs       IDs
	// DeadlineAfter is how long the order may wait in the queue before it is refused.
	DeadlineAfter time.Duration
	Log           *slog.Logger
	Meter         *telemetry.Meter
	Now           func() time.Time
}

// body is the request as sent. A member that is absent is nil, which is not the same as an empty one.
type body struct {
	ConcertID *string   `json:"concertId"`
	Seats     *[]string `json:"seats"`
}

// accepted is the answer 202.
type accepted struct {
	OrderID     contracts.OrderID `json:"orderId"`
	Status      contracts.Status  `json:"status"`
	Version     int               `json:"version"`
	PollAfterMs int               `json:"pollAfterMs"`
}

// Handle implements httpapi.Handler. Validation comes first, then the look at Redis, and the row last: in a stampede
// most orders want a seat that is taken, and those end without a row being read.
func (h Place) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, *httpapi.Problem) {
	response, problem := h.handle(ctx, r)
	if problem != nil {
		h.Meter.Put(telemetry.OrdersRefused, 1, telemetry.Dimension{Name: telemetry.KeyCode, Value: problem.Code})
	} else {
		h.Meter.Put(telemetry.OrdersAccepted, 1)
	}
	return response, problem
}

func (h Place) handle(ctx context.Context, r httpapi.Request) (httpapi.Response, *httpapi.Problem) {
	now := contracts.InstantOf(h.Now())
	user := r.UserID()
	if user == "" || len(user) > maxUserID {
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeUnauthorized, "The token names no user.")
	}
	key, problem := idempotencyKey(r)
	if problem != nil {
		return httpapi.Response{}, problem
	}
	request, problem := decode(r)
	if problem != nil {
		return httpapi.Response{}, problem
	}
	admitted, problem := h.admit(ctx, request, now)
	if problem != nil {
		return httpapi.Response{}, problem
	}
	id := h.IDs.Mint(user, key)
	if problem := h.look(ctx, id, request, admitted, now); problem != nil {
		return httpapi.Response{}, problem
	}
	row, found, err := h.Rows.Order(ctx, id)
	switch {
	case err != nil:
		// Not known is not "no row": the conditional put of the consumer decides.
		h.warn(ctx, id, "row not read before the order was enqueued", err)
	case found && row.RequestHash != admitted.RequestHash:
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeIdempotencyMismatch, "This Idempotency-Key belongs to an order with another body.")
	case found:
		return answer(id, row.Status, row.Version), nil
	}
	if problem := h.enqueue(ctx, user, id, request, admitted, now); problem != nil {
		return httpapi.Response{}, problem
	}
	return answer(id, contracts.Queued, 0), nil
}

// maxUserID is what a message takes.
const maxUserID = 128

func idempotencyKey(r httpapi.Request) (string, *httpapi.Problem) {
	key := r.Header("Idempotency-Key")
	switch {
	case key == "":
		return "", httpapi.NewProblem(httpapi.CodeIdempotencyKeyMissing, "The header Idempotency-Key is wanted: 1 to 64 of A-Z a-z 0-9 _ -.")
	case !contracts.ValidIdempotencyKey(key):
		return "", httpapi.NewProblem(httpapi.CodeIdempotencyKeyInvalid, "Idempotency-Key must be 1 to 64 of A-Z a-z 0-9 _ -.")
	default:
		return key, nil
	}
}

func decode(r httpapi.Request) (admission.Request, *httpapi.Problem) {
	var b *body
	if problem := r.Decode(&b); problem != nil {
		return admission.Request{}, problem
	}
	switch {
	case b == nil:
		return admission.Request{}, httpapi.NewProblem(httpapi.CodeInvalidRequest, "The body must be an object.").At("")
	case b.ConcertID == nil:
		return admission.Request{}, httpapi.NewProblem(httpapi.CodeInvalidRequest, "concertId is missing.").At("/concertId")
	case b.Seats == nil:
		return admission.Request{}, httpapi.NewProblem(httpapi.CodeInvalidRequest, "seats is missing.").At("/seats")
	default:
		return admission.Request{ConcertID: *b.ConcertID, Seats: *b.Seats}, nil
	}
}

// admit applies the rules of admission.
func (h Place) admit(ctx context.Context, request admission.Request, now contracts.Instant) (admission.Admitted, *httpapi.Problem) {
	concert, found, err := h.Catalogue.Concert(ctx, request.ConcertID)
	if err != nil {
		return admission.Admitted{}, h.unavailable(ctx, "", "concert not read", err)
	}
	if !found {
		return admission.Admitted{}, httpapi.NewProblem(httpapi.CodeConcertNotFound, "There is no such concert.").At("/concertId")
	}
	seating := admission.NewSeating(nil)
	if concert.Sale(now) == readmodel.SaleOpen {
		seating, found, err = h.Catalogue.Seating(ctx, concert.ConcertID, concert.LayoutVersion, true)
		if err != nil {
			return admission.Admitted{}, h.unavailable(ctx, "", "layout not read", err)
		}
		if !found {
			return admission.Admitted{}, h.unavailable(ctx, "", "layout missing", fmt.Errorf("layout %d of %s has no groups", concert.LayoutVersion, concert.ConcertID))
		}
	}
	admitted, refusal := admission.Check(request, concert, seating, now)
	if refusal != nil {
		return admission.Admitted{}, httpapi.Refused(refusal)
	}
	return admitted, nil
}

// look refuses at once what Redis says for sure to be another order's. Without an answer the order is enqueued all
// the same.
func (h Place) look(ctx context.Context, id contracts.OrderID, request admission.Request, admitted admission.Admitted, now contracts.Instant) *httpapi.Problem {
	taken, err := h.Seats.Taken(ctx, admitted.Group, id, admitted.Places, now)
	if err != nil {
		h.warn(ctx, id, "seats not looked at before the order was enqueued", err)
		return nil
	}
	if len(taken) == 0 {
		return nil
	}
	seats := make([]string, len(taken))
	for i, at := range taken {
		seats[i] = request.Seats[at]
	}
	return httpapi.NewProblem(httpapi.CodeSeatTaken, contracts.ReasonSeatTaken.Detail()).About(seats)
}

func (h Place) enqueue(ctx context.Context, user string, id contracts.OrderID, request admission.Request, admitted admission.Admitted, now contracts.Instant) *httpapi.Problem {
	encoded, err := message.Encode(message.PlaceOrder{
		OrderID: id, UserID: user, ConcertID: request.ConcertID, Group: admitted.Group.Group,
		LayoutVersion: admitted.LayoutVersion, Seats: request.Seats, RequestHash: admitted.RequestHash,
		AcceptedAt: now, Deadline: now.Add(h.DeadlineAfter),
	}, telemetry.Trace(ctx))
	if err != nil {
		h.Log.ErrorContext(ctx, "order not encoded", telemetry.KeyOrder, id, telemetry.KeyError, err.Error())
		return httpapi.NewProblem(httpapi.CodeInternal, "The order could not be placed.")
	}
	if err := h.Queue.Send(ctx, encoded); err != nil {
		return h.unavailable(ctx, id, "order not enqueued", err)
	}
	h.Log.InfoContext(ctx, "order enqueued", telemetry.KeyOrder, id, telemetry.KeySeatGroup, admitted.Group.Key(), telemetry.KeyTrace, telemetry.Trace(ctx))
	return nil
}

// unavailable is 503. After a failed send the message may be in the queue all the same; the same key sent again meets
// the same order either way.
func (h Place) unavailable(ctx context.Context, id contracts.OrderID, what string, err error) *httpapi.Problem {
	h.warn(ctx, id, what, err)
	return httpapi.NewProblem(httpapi.CodeUnavailable, "The order cannot be taken right now. Send it again with the same Idempotency-Key.")
}

func (h Place) warn(ctx context.Context, id contracts.OrderID, what string, err error) {
	h.Log.WarnContext(ctx, what, telemetry.KeyOrder, id, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

func answer(id contracts.OrderID, status contracts.Status, version int) httpapi.Response {
	wait := pace.PollAfterMs(status)
	return httpapi.JSON(http.StatusAccepted, accepted{OrderID: id, Status: status, Version: version, PollAfterMs: wait}, httpapi.Headers{
		"Location":    "/api/orders/" + string(id),
		"Retry-After": httpapi.RetryAfter(wait),
	})
}
