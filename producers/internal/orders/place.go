// Package orders answers POST /api/orders and DELETE /api/orders/{orderId}. It validates a request, reads Redis and the order's
// row, and enqueues one message. It writes nothing else; the consumers decide.
package orders

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
)

// Catalogue has concerts and layouts, some seconds old at most. Its methods may block for a read, until ctx ends, and are safe
// for concurrent use. found is false if there is no such item; an error means that it is not known.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error)
	Seating(ctx context.Context, concertID string, version int, frozen bool) (seating *admission.Seating, found bool, err error)
}

// Seats reads Redis. Its methods block for at most some hundred milliseconds and are safe for concurrent use. What they return is
// a hint. An error means that nothing is known: neither that a seat is free nor that it is taken.
type Seats interface {
	// Look returns which places certainly belong to another order, and the lag of the group. If the group is in another layout
	// version than the given one, no place is reported.
	Look(ctx context.Context, g seatstate.GroupVersion, order contracts.OrderID, places []int, now contracts.Instant) (admission.SeatsState, error)
	// Groups returns maps and lags of groups, each at one instant, and the order's record in each. A group that did not answer,
	// or is in another layout version than the given one, is not loaded. An error is about the groups that did not answer, beside
	// the states of the others; the states are nil if none answered.
	Groups(ctx context.Context, groups []seatstate.GroupVersion, order contracts.OrderID) ([]admission.GroupState, error)
	// PaymentLag returns how far payments are behind, some seconds old at most; 0 if no payment was made for a while.
	PaymentLag(ctx context.Context) (time.Duration, error)
	// Records returns the order's record in each of the groups. An error is about the groups that did not answer, whose records
	// are not known.
	Records(ctx context.Context, groups []contracts.SeatGroup, order contracts.OrderID) ([]admission.Record, error)
	// DownFor returns how long none of the groups has answered; 0 while any of them does.
	DownFor(ctx context.Context, groups ...contracts.SeatGroup) time.Duration
}

// Rows reads rows of orders. It is safe for concurrent use.
type Rows interface {
	// Order reads an order's row, consistently. It blocks until then or until ctx ends. An error means that the row is not known.
	Order(ctx context.Context, id contracts.OrderID) (row readmodel.Order, found bool, err error)
}

// Accounts reads rows of orders, alone or each with its buyer's allowance. It is safe for concurrent use.
type Accounts interface {
	Rows
	// Account reads the order's row and the buyer's allowance in one call, each consistently. It blocks until then or until ctx
	// ends. An error means that neither is known.
	Account(ctx context.Context, id contracts.OrderID, concertID, userID string) (admission.Account, error)
}

// Queue is where messages are sent. It is safe for concurrent use.
type Queue interface {
	// Send blocks until the queue has the message. After an error the queue may have it all the same.
	Send(ctx context.Context, m message.Encoded) error
}

// IDs makes order ids. It does no I/O and is safe for concurrent use.
type IDs interface {
	// Mint returns the same id for the same buyer and key.
	Mint(userID, idempotencyKey string) contracts.OrderID
}

// Place answers POST /api/orders. It is safe for concurrent use.
type Place struct {
	Catalogue Catalogue
	Seats     Seats
	// Hints keeps the maps that orders for any seats are routed by; nil keeps none.
	Hints *Hints
	Rows  Accounts
	Queue Queue
	IDs   IDs
	// DeadlineAfter is how long the order may wait in the queue before the consumers refuse it.
	DeadlineAfter time.Duration
	// Jitter spreads the waits that clients are sent.
	Jitter pace.Source
	Log    *slog.Logger
	Meter  *telemetry.Meter
	Now    func() time.Time
}

// Handle implements httpapi.Handler. Validation comes first, then Redis, and row and allowance last: in a stampede most orders
// want a seat that is taken, and those end without a row being read.
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
	user, err := r.RequireUser()
	if err != nil {
		return httpapi.Response{}, err
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
	if err := h.checkPayments(ctx); err != nil {
		return httpapi.Response{}, err
	}
	id := h.IDs.Mint(user, key)
	seen, err := h.look(ctx, id, request, admitted, now)
	if err != nil {
		return httpapi.Response{}, err
	}
	row, err := h.checkAccount(ctx, user, id, request, admitted, seen)
	if err != nil {
		return httpapi.Response{}, err
	}
	if row != nil {
		return repeated(id, row.Status, row.Version, pace.Row(row.Status, 0, h.Jitter)), nil
	}
	admitted.Group = seen.group
	if seen.soldOut { // and the row is not known: maps alone refuse nobody
		if admitted.Group, err = chooseBlindly(id, request, admitted); err != nil {
			return httpapi.Response{}, err
		}
	}
	if err := h.enqueue(ctx, user, id, request, admitted, now); err != nil {
		return httpapi.Response{}, err
	}
	return queued(id, seen.lag, pace.Queued(seen.lag, h.Jitter)), nil
}

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

// admit applies the rules of admission to the request.
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

// shown is what Redis shows of an order that it does not refuse.
type shown struct {
	// group is the group that the order is sent to; not set if soldOut.
	group contracts.SeatGroup
	lag   pace.Lag
	// soldOut says that no group shows seats for a best-available order. The order is refused if it has no row.
	soldOut bool
	// instead returns what the buyer could have instead; set if soldOut. It is called only for an order that is refused.
	instead func() []seating.Suggestion
}

// look reads Redis, and refuses what is certain: a seat of another order, seats that a rule does not allow, or a queue that is too
// long. Nobody checks the rules about seats later, since the queue takes what it is sent. If Redis does not answer, the order is
// enqueued all the same, unless Redis has been unreachable for long. For best-available it chooses the group.
func (h Place) look(ctx context.Context, id contracts.OrderID, request admission.Request, admitted admission.Admitted, now contracts.Instant) (shown, error) {
	if request.Best != nil {
		return h.lookBest(ctx, id, request, admitted)
	}
	seats, err := h.Seats.Look(ctx, seatstate.In(admitted.Group, admitted.LayoutVersion), id, admitted.Places, now)
	if err != nil {
		if err := h.lookFailed(ctx, id, "seats not read before the order was enqueued", err, admitted.Group); err != nil {
			return shown{}, err
		}
		return shown{group: admitted.Group}, admission.CheckSeats(request, admitted, admission.SeatsState{}, nil)
	}
	kept, _ := h.Hints.get(layoutitem.Ref{ConcertID: request.ConcertID, Version: admitted.LayoutVersion}, h.Now())
	if len(seats.Taken) > 0 {
		taken := make([]string, len(seats.Taken))
		for i, at := range seats.Taken {
			taken[i] = request.Seats[at]
		}
		return shown{}, httpapi.NewProblem(httpapi.CodeSeatTaken, contracts.ReasonSeatTaken.Detail()).About(taken).
			Near(admission.Near(request, admitted, seats, kept))
	}
	if err := admission.CheckSeats(request, admitted, seats, kept); err != nil {
		return shown{}, err
	}
	return shown{group: admitted.Group, lag: pace.Lag{Behind: seats.Lag, Known: seats.LagKnown}}, admission.CheckQueue(seats.Lag)
}

// lookFailed accepts the order anyway, unless the part of Redis that has the groups has been unreachable for too long. That is
// asked after the read and not before it, because only a read finds out that Redis is back.
func (h Place) lookFailed(ctx context.Context, id contracts.OrderID, what string, err error, groups ...contracts.SeatGroup) error {
	if !admission.AcceptsBlindly(h.Seats.DownFor(ctx, groups...)) {
		return h.unavailable(ctx, id, "seats not readable for long", err)
	}
	h.warn(ctx, id, what, err)
	return nil
}

// checkPayments refuses orders that could be held and hardly be paid for. If Redis does not answer, it refuses nobody.
func (h Place) checkPayments(ctx context.Context) error {
	lag, err := h.Seats.PaymentLag(ctx)
	if err != nil {
		h.warn(ctx, "", "lag of payments not read before the order was enqueued", err)
		return nil
	}
	return admission.CheckPayments(lag)
}

func (h Place) enqueue(ctx context.Context, user string, id contracts.OrderID, request admission.Request, admitted admission.Admitted, now contracts.Instant) error {
	encoded, err := message.Encode(message.PlaceOrder{
		OrderID: id, UserID: user, ConcertID: request.ConcertID, Group: admitted.Group.Group,
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
	h.Log.InfoContext(ctx, "order enqueued", telemetry.KeyOrder, id, telemetry.KeySeatGroup, admitted.Group.Key(), telemetry.KeyTrace, telemetry.Trace(ctx))
	return nil
}

// unavailable logs why an order cannot be accepted and returns a 503. After a failed send the message may be in the queue all the
// same; the same key sent again meets the same order either way.
func (h Place) unavailable(ctx context.Context, id contracts.OrderID, what string, err error) error {
	h.warn(ctx, id, what, err)
	return httpapi.NewProblem(httpapi.CodeUnavailable, "The order cannot be taken right now. Send it again with the same Idempotency-Key.").
		After(pace.Ms(pace.Queued(pace.Lag{}, h.Jitter)))
}

func (h Place) warn(ctx context.Context, id contracts.OrderID, what string, err error) {
	h.Log.WarnContext(ctx, what, telemetry.KeyOrder, id, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}
