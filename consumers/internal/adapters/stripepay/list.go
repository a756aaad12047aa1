package stripepay

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// perPage is the largest page that Stripe returns.
const perPage = 100

// Undelivered implements pay.Provider.
func (p *Provider) Undelivered(ctx context.Context, since contracts.Instant, after string) (page pay.EventPage, err error) {
	params := &stripe.EventListParams{
		DeliverySuccess: stripe.Bool(false), Types: stripe.StringSlice(stripeevent.Types()),
		CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: seconds(since)},
	}
	params.Limit = stripe.Int64(perPage)
	page.Next, err = p.page(ctx, "events", "/v1/events", params, after, func(raw json.RawMessage) error {
		e, err := stripeevent.Parse(raw)
		if err == nil {
			page.Events = append(page.Events, e)
		}
		return err
	})
	return page, err
}

// Entries implements pay.Provider. Stripe counts in whole seconds: a PaymentIntent counts as created at the beginning of
// its second.
func (p *Provider) Entries(ctx context.Context, from, to contracts.Instant, after string) (page pay.EntryPage, err error) {
	params := &stripe.PaymentIntentListParams{CreatedRange: &stripe.RangeQueryParams{
		GreaterThanOrEqual: seconds(from + 999), LesserThanOrEqual: seconds(to - 1),
	}}
	params.Limit = stripe.Int64(perPage)
	params.AddExpand("data." + latestCharge)
	page.Next, err = p.page(ctx, "entries", "/v1/payment_intents", params, after, func(raw json.RawMessage) error {
		e, err := entryOf(raw)
		if err == nil {
			page.Entries = append(page.Entries, e)
		}
		return err
	})
	return page, err
}

// Entry implements pay.Provider.
func (p *Provider) Entry(ctx context.Context, id string) (e pay.Entry, err error) {
	params := &stripe.PaymentIntentParams{}
	params.AddExpand(latestCharge)
	err = p.call(ctx, "entry", func(ctx context.Context) error {
		params.Context = ctx
		answered, err := p.intents.Get(id, params)
		if err != nil {
			return err
		}
		e, err = entryOf(answered.LastResponse.RawJSON)
		return err
	})
	return e, err
}

// latestCharge is the member of a PaymentIntent that says what was charged and refunded, and which card paid. Stripe includes it
// only on request.
const latestCharge = "latest_charge"

// entryOf decodes a PaymentIntent that includes its latest charge.
func entryOf(raw []byte) (e pay.Entry, err error) {
	if e.Intent, err = intentOf(raw); err != nil {
		return pay.Entry{}, err
	}
	var shown struct {
		Charge *struct {
			Amount   int64 `json:"amount"`
			Captured int64 `json:"amount_captured"`
			Refunded int64 `json:"amount_refunded"`
			Disputed bool  `json:"disputed"`
		} `json:"latest_charge"`
	}
	if err := json.Unmarshal(raw, &shown); err != nil {
		return pay.Entry{}, errNotAnIntent
	}
	// Stripe counts a charge that was never captured as refunded when its authorisation ends, and also what a capture left
	// over.
	if c := shown.Charge; c != nil && e.Status == pay.StatusSucceeded {
		e.Refunded, e.Disputed = max(0, c.Refunded-(c.Amount-c.Captured)), c.Disputed
	}
	return e, nil
}

// seconds returns the whole seconds of an instant.
func seconds(i contracts.Instant) int64 { return int64(i) / 1000 }

// list is a page with its objects not yet decoded.
type list struct {
	stripe.APIResource
	stripe.ListMeta
	Data []json.RawMessage `json:"data"`
}

// page reads one page and calls read for each object. next is the id to ask the next page after, "" at the end of the list.
// An object that read refuses is logged and passed over.
func (p *Provider) page(ctx context.Context, name, path string, params stripe.ListParamsContainer, after string, read func(json.RawMessage) error) (next string, err error) {
	values := &form.Values{}
	form.AppendTo(values, params)
	if after != "" {
		values.Set(stripe.StartingAfter, after)
	}
	var got list
	err = p.call(ctx, name, func(ctx context.Context) error {
		return p.backend.CallRaw(http.MethodGet, path, p.key, values, &stripe.Params{Context: ctx}, &got)
	})
	if err != nil {
		return "", err
	}
	for _, raw := range got.Data {
		id := idOf(raw)
		if err := read(raw); err != nil {
			p.log.ErrorContext(ctx, "object of a list passed over", telemetry.KeyKind, name, telemetry.KeyEvent, id, telemetry.KeyError, err.Error())
		}
		if id != "" {
			next = id
		}
	}
	if !got.HasMore {
		return "", nil
	}
	if next == "" {
		// The next page cannot be asked for without an id to start after.
		p.log.ErrorContext(ctx, "list ends early: no object of a page has an id", telemetry.KeyKind, name)
	}
	return next, nil
}

func idOf(raw json.RawMessage) string {
	var object struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return ""
	}
	return object.ID
}
