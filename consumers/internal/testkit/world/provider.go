package world

import (
	"context"
	"errors"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
)

// Provider is the port of the payment provider, over Stripe. Its calls are about the idempotency key if they have one, and the
// id that they name. A fault is a *pay.ProviderError of an unknown result, unless With chose another error. Stripe has faults of
// its own (mempay.Provider.Fail): those that depend on the idempotency key.
type Provider struct{ w *World }

// Provider returns the port of the payment provider.
func (w *World) Provider() Provider { return Provider{w} }

// ask makes a call to the provider. It returns no result beside an error.
func ask[T any](w *World, c Call, about []string, effect func() (T, error)) (none T, err error) {
	result, err := Do(w, c, about, effect)
	var known *pay.ProviderError
	switch {
	case err == nil:
		return result, nil
	case errors.As(err, &known):
		return none, err
	default:
		return none, &pay.ProviderError{Code: "no_answer", Err: err}
	}
}

// Create implements pay.Provider.
func (p Provider) Create(ctx context.Context, key string, c pay.CreateParams) (pay.Created, error) {
	return ask(p.w, Create, []string{key}, func() (pay.Created, error) { return p.w.Stripe.Create(ctx, key, c) })
}

// Retrieve implements pay.Provider.
func (p Provider) Retrieve(ctx context.Context, id string) (stripeevent.Intent, error) {
	return ask(p.w, Retrieve, []string{id}, func() (stripeevent.Intent, error) { return p.w.Stripe.Retrieve(ctx, id) })
}

// Capture implements pay.Provider.
func (p Provider) Capture(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	return ask(p.w, Capture, []string{key, id}, func() (stripeevent.Intent, error) { return p.w.Stripe.Capture(ctx, key, id) })
}

// Cancel implements pay.Provider.
func (p Provider) Cancel(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	return ask(p.w, Cancel, []string{key, id}, func() (stripeevent.Intent, error) { return p.w.Stripe.Cancel(ctx, key, id) })
}

// Undelivered implements pay.Provider.
func (p Provider) Undelivered(ctx context.Context, since contracts.Instant, after string) (pay.EventPage, error) {
	return ask(p.w, Undelivered, []string{after}, func() (pay.EventPage, error) { return p.w.Stripe.Undelivered(ctx, since, after) })
}

// Entries implements pay.Provider.
func (p Provider) Entries(ctx context.Context, from, to contracts.Instant, after string) (pay.EntryPage, error) {
	return ask(p.w, Entries, []string{after}, func() (pay.EntryPage, error) { return p.w.Stripe.Entries(ctx, from, to, after) })
}

// Entry implements pay.Provider.
func (p Provider) Entry(ctx context.Context, id string) (pay.Entry, error) {
	return ask(p.w, Entry, []string{id}, func() (pay.Entry, error) { return p.w.Stripe.Entry(ctx, id) })
}
