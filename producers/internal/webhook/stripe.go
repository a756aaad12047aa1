// Package webhook answers POST /api/webhooks/stripe: it verifies that Stripe sent an event, turns the event into a message, and
// enqueues that. It reads no store: the consumers compare what an event says with the row.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
)

// Signatures verifies that Stripe sent a body. It does no I/O and is safe for concurrent use.
type Signatures interface {
	// Verify returns ErrForged if no secret of ours made the signature in the header, and ErrStale if one did too long ago.
	Verify(body []byte, header string) error
}

// Errors of Signatures.
var (
	ErrForged = errors.New("signature is not Stripe's")
	ErrStale  = errors.New("signature is too old")
)

// Queue is where messages are sent. It is safe for concurrent use.
type Queue interface {
	// Send blocks until the queue has the message. After an error the queue may have it all the same.
	Send(ctx context.Context, m message.Encoded) error
}

// Stripe answers POST /api/webhooks/stripe. Stripe takes any 2xx as received and sends an event again, for days, after any other
// answer; so it is answered 200 only once the queue has the message. Events arrive more than once and in any order, and each copy
// is enqueued: the consumers decide by the row, and SQS drops a repeat within minutes.
type Stripe struct {
	Signatures Signatures
	Queue      Queue
	// Environment is the name in the metadata of our PaymentIntents; events of another environment are not ours.
	Environment string
	// Mode is the mode of our keys. An event of the other mode means that a wrong endpoint or a wrong signing secret is in use.
	Mode  message.PaymentMode
	Log   *slog.Logger
	Meter *telemetry.Meter

	// versionLogged makes the warning about another API version appear once in the life of a process.
	versionLogged sync.Once
}

// maxBodyBytes bounds an event; Stripe's are a few KB.
const maxBodyBytes = 256 << 10

// received is the body of a 200.
type received struct {
	// Enqueued is false for an event that is not ours.
	Enqueued bool `json:"enqueued"`
}

// Outcomes of an event that is not refused, as a dimension of WebhooksReceived.
const (
	outcomeEnqueued = "enqueued"
	outcomeNotOurs  = "not_ours"
	outcomeMode     = "other_mode"
)

// Handle implements httpapi.Handler.
func (h *Stripe) Handle(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	outcome, err := h.receive(ctx, r)
	if err != nil {
		outcome = httpapi.ProblemOf(err).Code
	}
	h.Meter.Put(telemetry.WebhooksReceived, 1, telemetry.Dimension{Name: telemetry.KeyOutcome, Value: outcome})
	if err != nil {
		return httpapi.Response{}, err
	}
	return httpapi.JSON(http.StatusOK, received{Enqueued: outcome == outcomeEnqueued}, nil), nil
}

// receive handles one event and returns its outcome. It verifies the signature over the bytes as sent, before it parses them.
func (h *Stripe) receive(ctx context.Context, r httpapi.Request) (outcome string, _ error) {
	body, err := r.Bytes(maxBodyBytes, httpapi.CodeInvalidPayload)
	if err != nil {
		return "", err
	}
	switch err := h.Signatures.Verify(body, r.Header("Stripe-Signature")); {
	case errors.Is(err, ErrStale):
		return "", httpapi.NewProblem(httpapi.CodeStaleSignature, "The signature is too old. Is the clock right?")
	case err != nil:
		return "", httpapi.NewProblem(httpapi.CodeInvalidSignature, "The signature is not one of Stripe's for this address.")
	}
	event, err := stripeevent.Parse(body)
	if err != nil {
		return "", h.invalid(ctx, event, err)
	}
	if v := event.APIVersion; v != stripeevent.APIVersion && event.OfOurType() {
		h.versionLogged.Do(func() {
			h.Log.WarnContext(ctx, "events are of another API version than they are read in", telemetry.KeyEvent, event.ID, telemetry.KeyVersion, v)
		})
	}
	if event.OfOtherMode(h.Mode) {
		h.otherMode(ctx, event)
		return outcomeMode, nil
	}
	m, ours, err := event.Message(h.Environment)
	switch {
	case err != nil:
		return "", h.invalid(ctx, event, err)
	case !ours:
		return outcomeNotOurs, nil
	}
	return outcomeEnqueued, h.enqueue(ctx, event, m)
}

// otherMode raises the alarm for an event of the other mode. The answer is 200 all the same: Stripe would send the event again
// for days, and it can never be acted on here. The signature is right, so an endpoint or a signing secret of the other mode is in
// use.
func (h *Stripe) otherMode(ctx context.Context, event stripeevent.Event) {
	h.Log.ErrorContext(ctx, "event of the other payment mode", telemetry.KeyEvent, event.ID, telemetry.KeyMode, event.Mode(), telemetry.KeyTrace, telemetry.Trace(ctx))
	h.Meter.Put(telemetry.EventsOfOtherMode, 1)
}

// invalid logs the event and returns a 400. Stripe sends the event again, which helps once the mistake, here or where the
// PaymentIntent was made, is corrected.
func (h *Stripe) invalid(ctx context.Context, event stripeevent.Event, err error) error {
	h.Log.ErrorContext(ctx, "event cannot be acted on", telemetry.KeyEvent, event.ID, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	return httpapi.NewProblem(httpapi.CodeInvalidPayload, "The body is no event that can be acted on.")
}

func (h *Stripe) enqueue(ctx context.Context, event stripeevent.Event, m message.Message) error {
	encoded, err := message.Encode(m, telemetry.Trace(ctx))
	if err != nil {
		h.Log.ErrorContext(ctx, "event not encoded", telemetry.KeyEvent, event.ID, telemetry.KeyError, err.Error())
		return httpapi.NewProblem(httpapi.CodeInternal, "The event could not be enqueued.")
	}
	about := []any{
		telemetry.KeyEvent, event.ID, telemetry.KeyKind, m.Kind(), telemetry.KeyOrder, encoded.Attributes.OrderID,
		telemetry.KeySeatGroup, encoded.Attributes.SeatGroup().Key(), telemetry.KeyTrace, telemetry.Trace(ctx),
	}
	if err := h.Queue.Send(ctx, encoded); err != nil {
		h.Log.WarnContext(ctx, "event not enqueued", append(about, telemetry.KeyError, err.Error())...)
		return httpapi.NewProblem(httpapi.CodeUnavailable, "The event cannot be enqueued right now. Send it again.")
	}
	h.Log.InfoContext(ctx, "event enqueued", about...)
	return nil
}
