// Package orders answers POST /api/orders: it validates, looks at Redis and the row, and enqueues. It writes nothing
// else; the queue decides.
package orders

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
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

// Seats is the look at Redis. An error is no answer, neither yes nor no.
type Seats interface {
	// Look answers which places are for sure another order's, and the lag of the group. In another layout version than the
	// one asked for the group shows none.
	Look(ctx context.Context, g seatstate.GroupVersion, order contracts.OrderID, places []int, now contracts.Instant) (admission.SeatsState, error)
	// Groups answers maps and lags of groups, each at one instant, and what an order is in each. A group that did not answer, or
	// is in another layout version than the one asked for, is not loaded; an error says so of those that did not answer, beside
	// the others, which are nil if none answered.
	Groups(ctx context.Context, groups []seatstate.GroupVersion, order contracts.OrderID) ([]admission.GroupState, error)
	// PaymentLag answers how far payments are behind, some seconds old at most.
	PaymentLag(ctx context.Context) (time.Duration, error)
	// Records answers what an order is in groups, and an error beside those that are known.
	Records(ctx context.Context, groups []contracts.SeatGroup, order contracts.OrderID) ([]admission.Record, error)
	// DownFor says how long none of the groups was answered; 0 while one of them is.
	DownFor(ctx context.Context, groups ...contracts.SeatGroup) time.Duration
}

// Rows is a consistent read of an order's row.
type Rows interface {
	Order(ctx context.Context, id contracts.OrderID) (row readmodel.Order, found bool, err error)
}

// Accounts are rows of orders, alone or each with its buyer's allowance.
type Accounts interface {
	Rows
	// Account reads the order's row and the buyer's allowance in one call. An error is no answer.
	Account(ctx context.Context, id contracts.OrderID, concertID, userID string) (admission.Account, error)
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
	// Hints keeps the maps that orders for any seats are sent by; nil keeps none.
	Hints *Hints
	Rows  Accounts
	Queue Queue
	IDs   IDs
	// DeadlineAfter is how long the order may wait in the queue before it is refused.
	DeadlineAfter time.Duration
	// Jitter spreads what clients are told.
	Jitter pace.Source
	Log    *slog.Logger
	Meter  *telemetry.Meter
	Now    func() time.Time
}

// Handle implements httpapi.Handler. Validation comes first, then the look at Redis, and row and allowance last: in a stampede
// most orders want a seat that is taken, and those end without a row being read.
func (h Place) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	response, err := h.handle(ctx, r)
	if err != nil {
		h.Meter.Put(telemetry.OrdersRefused, 1, telemetry.Dimension{Name: telemetry.KeyCode, Value: httpapi.ProblemOf(err).Code})
	} else {
		h.Meter.Put(telemetry.OrdersAccepted, 1)
	}
	return response, err
}

func (h Place) handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	now := contracts.InstantOf(h.Now())
	user := r.UserID()
	if user == "" || len(user) > maxUserID {
		return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeUnauthorized, "The token names no user.")
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return httpapi.Response{}, err
	}
	request, err := decode(r)
	if err != nil {
		return httpapi.Response{}, err
	}
	admitted, err := h.admit(ctx, request, now)
	if err != nil {
		return httpapi.Response{}, err
	}
	if err := h.paymentBusy(ctx); err != nil {
		return httpapi.Response{}, err
	}
	id := h.IDs.Mint(user, key)
	seen, err := h.look(ctx, id, request, admitted, now)
	if err != nil {
		return httpapi.Response{}, err
	}
	known, err := h.known(ctx, user, id, request, admitted, seen)
	if err != nil {
		return httpapi.Response{}, err
	}
	if known != nil {
		return repeated(id, known.Status, known.Version, pace.Row(known.Status, 0, h.Jitter)), nil
	}
	if seen.soldOut { // and the row is not known: the maps alone refuse nobody
		if seen.group, err = blindly(id, request, admitted); err != nil {
			return httpapi.Response{}, err
		}
	}
	if err := h.enqueue(ctx, user, id, request, admitted, seen.group, now); err != nil {
		return httpapi.Response{}, err
	}
	return queued(id, seen.lag, pace.Queued(seen.lag, h.Jitter)), nil
}

// maxUserID is what a message takes.
const maxUserID = 128

func idempotencyKey(r httpapi.Request) (string, error) {
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

// admit applies the rules of admission.
func (h Place) admit(ctx context.Context, request admission.Request, now contracts.Instant) (admission.Admitted, error) {
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
	return admission.Check(request, concert, seating, now)
}

// sight is what the look at Redis showed of an order that it does not refuse.
type sight struct {
	// group is the one that the order is sent to; not set if soldOut.
	group contracts.SeatGroup
	lag   pace.Lag
	// soldOut says that no seats are shown for a best-available order. It is refused if it has no row.
	soldOut bool
}

// look refuses at once what Redis says for sure: a seat of another order, or a queue that is too long. Without an
// answer the order is enqueued all the same, unless there has been none for long. For best-available it chooses the group.
func (h Place) look(ctx context.Context, id contracts.OrderID, request admission.Request, admitted admission.Admitted, now contracts.Instant) (sight, error) {
	if request.Best != nil {
		return h.lookBest(ctx, id, request, admitted)
	}
	shown, err := h.Seats.Look(ctx, seatstate.In(admitted.Group, admitted.LayoutVersion), id, admitted.Places, now)
	if err != nil {
		return sight{group: admitted.Group}, h.unseen(ctx, id, "seats not looked at before the order was enqueued", err, admitted.Group)
	}
	if len(shown.Taken) > 0 {
		seats := make([]string, len(shown.Taken))
		for i, at := range shown.Taken {
			seats[i] = request.Seats[at]
		}
		return sight{}, httpapi.NewProblem(httpapi.CodeSeatTaken, contracts.ReasonSeatTaken.Detail()).About(seats)
	}
	return sight{group: admitted.Group, lag: pace.Lag{Behind: shown.Lag, Known: shown.LagKnown}}, admission.CheckQueue(shown.Lag)
}

// unseen is what follows from a look without an answer: nothing, until the part of Redis that has the groups has been down for
// long. It is asked after the
// look and not before it, because the look is what finds that Redis is back.
func (h Place) unseen(ctx context.Context, id contracts.OrderID, what string, err error, groups ...contracts.SeatGroup) error {
	if !admission.AcceptsBlindly(h.Seats.DownFor(ctx, groups...)) {
		return h.unavailable(ctx, id, "seats not looked at for long", err)
	}
	h.warn(ctx, id, what, err)
	return nil
}

// paymentBusy refuses orders that could be held and hardly be paid for. Without an answer nobody is refused.
func (h Place) paymentBusy(ctx context.Context) error {
	lag, err := h.Seats.PaymentLag(ctx)
	if err != nil {
		h.warn(ctx, "", "payments not looked at before the order was enqueued", err)
		return nil
	}
	return admission.CheckPayments(lag)
}

func (h Place) enqueue(ctx context.Context, user string, id contracts.OrderID, request admission.Request, admitted admission.Admitted, group contracts.SeatGroup, now contracts.Instant) error {
	encoded, err := message.Encode(message.PlaceOrder{
		OrderID: id, UserID: user, ConcertID: request.ConcertID, Group: group.Group,
		LayoutVersion: admitted.LayoutVersion, Seats: request.Seats, RequestHash: admitted.RequestHash,
		AcceptedAt: now, Deadline: now.Add(h.DeadlineAfter), BestAvailable: request.Best,
	}, telemetry.Trace(ctx))
	if err != nil {
		h.Log.ErrorContext(ctx, "order not encoded", telemetry.KeyOrder, id, telemetry.KeyError, err.Error())
		return httpapi.NewProblem(httpapi.CodeInternal, "The order could not be placed.")
	}
	if err := h.Queue.Send(ctx, encoded); err != nil {
		return h.unavailable(ctx, id, "order not enqueued", err)
	}
	h.Log.InfoContext(ctx, "order enqueued", telemetry.KeyOrder, id, telemetry.KeySeatGroup, group.Key(), telemetry.KeyTrace, telemetry.Trace(ctx))
	return nil
}

// unavailable is 503. After a failed send the message may be in the queue all the same; the same key sent again meets
// the same order either way.
func (h Place) unavailable(ctx context.Context, id contracts.OrderID, what string, err error) error {
	h.warn(ctx, id, what, err)
	return httpapi.NewProblem(httpapi.CodeUnavailable, "The order cannot be taken right now. Send it again with the same Idempotency-Key.").
		After(pace.Ms(pace.Queued(pace.Lag{}, h.Jitter)))
}

func (h Place) warn(ctx context.Context, id contracts.OrderID, what string, err error) {
	h.Log.WarnContext(ctx, what, telemetry.KeyOrder, id, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}
