// Package webhook answers POST /api/webhooks/stripe: it checks who sent an event, says which message it becomes, and
// enqueues that. It reads no store: what an event says is compared with the row by whoever handles the message.
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

// Signatures says whether Stripe sent a body.
type Signatures interface {
	// Verify answers ErrForged when no secret of ours made the signature in the header, ErrStale when one did too long ago.
	Verify(body []byte, header string) error
}

// Errors of Signatures.
var (
	ErrForged = errors.New("signature is not Stripe's")
	ErrStale  = errors.New("signature is too old")
)

// Queue takes a message; a nil error means that it has it.
type Queue interface {
	Send(ctx context.Context, m message.Encoded) error
}

// Stripe answers POST /api/webhooks/stripe. Stripe takes any 2xx for "it is yours now" and sends an event again, for days,
// after any other answer; so 200 comes only once the queue has the message. Events come more than once and in any order,
// and each copy is enqueued: handlers go by the row, and SQS drops what comes twice within minutes.
type Stripe struct {
	Signatures Signatures
	Queue      Queue
	// Environment is the name in the metadata of our PaymentIntents; events of another one are none of ours.
	Environment string
	// Mode is that of our keys. An event of the other mode means that a wrong endpoint or a wrong signing secret is in use.
	Mode  message.PaymentMode
	Log   *slog.Logger
	Meter *telemetry.Meter

	// versionTold: that events are of another API version is said once in the life of a process.
	versionTold sync.Once
}

// maxBodyBytes bounds an event; Stripe's are a few KB.
const maxBodyBytes = 256 << 10

// received is the answer 200.
type received struct {
	// Enqueued is false for an event that is none of ours.
	Enqueued bool `json:"enqueued"`
}

// What becomes of an event that is not refused, as a dimension of WebhooksReceived.
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

// receive takes one event and says what became of it. The signature is checked over the bytes as sent, before anything of them
// is read.
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
		h.versionTold.Do(func() {
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

// otherMode is the alarm for an event of the other mode. The answer is 200 all the same: Stripe would send the event again for days,
// and it can never be acted on here. The signature is right, so an endpoint or a signing secret of the other mode is in use.
func (h *Stripe) otherMode(ctx context.Context, event stripeevent.Event) {
	h.Log.ErrorContext(ctx, "event of the other payment mode", telemetry.KeyEvent, event.ID, telemetry.KeyMode, event.Mode(), telemetry.KeyTrace, telemetry.Trace(ctx))
	h.Meter.Put(telemetry.EventsOfOtherMode, 1)
}

// invalid is 400. Stripe sends the event again, which helps once the mistake, here or in what made the PaymentIntent, is
// mended.
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
