package stripepay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// perPage is the most that Stripe gives.
const perPage = 100

// Undelivered implements pay.Provider. Stripe lists the newest first, so that the list is read to its end, or to its bound,
// before the oldest is given.
func (p *Provider) Undelivered(ctx context.Context, since contracts.Instant, take func(stripeevent.Event) error) error {
	params := &stripe.EventListParams{
		DeliverySuccess: stripe.Bool(false), Types: stripe.StringSlice(stripeevent.Types()),
		CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: seconds(since)},
	}
	params.Limit = stripe.Int64(perPage)
	var events []stripeevent.Event
	err := p.each(ctx, "events", "/v1/events", params, func(raw json.RawMessage) error {
		e, err := stripeevent.Parse(raw)
		switch {
		case err != nil:
			// One event that cannot be read must not keep back all others.
			p.log.ErrorContext(ctx, "event passed over", telemetry.KeyEvent, e.ID, telemetry.KeyError, err.Error())
		case len(events) == pay.MaxUndelivered:
			p.log.WarnContext(ctx, "more events are not delivered than are fetched at once", telemetry.KeyCount, pay.MaxUndelivered)
			return errEnough
		default:
			events = append(events, e)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	for _, e := range slices.Backward(events) {
		if err := take(e); err != nil {
			return err
		}
	}
	return nil
}

var errEnough = errors.New("enough")

// Intents implements pay.Provider. Stripe counts whole seconds: a PaymentIntent counts as made at the begin of its own.
func (p *Provider) Intents(ctx context.Context, from, to contracts.Instant, take func(stripeevent.Intent) error) error {
	params := &stripe.PaymentIntentListParams{CreatedRange: &stripe.RangeQueryParams{
		GreaterThanOrEqual: seconds(from + 999), LesserThanOrEqual: seconds(to - 1),
	}}
	params.Limit = stripe.Int64(perPage)
	return p.each(ctx, "intents", "/v1/payment_intents", params, func(raw json.RawMessage) error {
		i, err := intentOf(raw)
		if err != nil {
			return &pay.ProviderError{Code: codeUnreadable, Err: err}
		}
		return take(i)
	})
}

// seconds are the whole seconds of an instant.
func seconds(i contracts.Instant) int64 { return int64(i) / 1000 }

// page of a list, with its objects as they came.
type page struct {
	stripe.APIResource
	stripe.ListMeta
	Data []json.RawMessage `json:"data"`
}

// each gives every object of a list, to its end. An error of take ends it.
func (p *Provider) each(ctx context.Context, name, path string, params stripe.ListParamsContainer, take func(json.RawMessage) error) error {
	values := &form.Values{}
	form.AppendTo(values, params)
	for {
		var got page
		err := p.call(ctx, name, func(ctx context.Context) error {
			got = page{}
			return p.backend.CallRaw(http.MethodGet, path, p.key, values, &stripe.Params{Context: ctx}, &got)
		})
		if err != nil {
			return err
		}
		for _, raw := range got.Data {
			if err := take(raw); err != nil {
				return err
			}
		}
		if !got.HasMore || len(got.Data) == 0 {
			return nil
		}
		var last struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(got.Data[len(got.Data)-1], &last); err != nil || last.ID == "" {
			return &pay.ProviderError{Code: codeUnreadable, Err: fmt.Errorf("%s: the last object of a page has no id", name)}
		}
		values.Set(stripe.StartingAfter, last.ID)
	}
}
