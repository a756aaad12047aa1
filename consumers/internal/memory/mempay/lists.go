package mempay

import (
	"context"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
)

// perPage is the largest page that Stripe returns.
const perPage = 100

// Undelivered implements pay.Provider.
func (p *Provider) Undelivered(_ context.Context, since contracts.Instant, after string) (page pay.EventPage, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	page.Next, err = paged(p.events, after, func(e event) string { return e.ID }, func(e event) bool {
		return !e.delivered && e.Created >= second(since)
	}, func(e event) { page.Events = append(page.Events, e.Event) })
	return page, err
}

// Entries implements pay.Provider.
func (p *Provider) Entries(_ context.Context, from, to contracts.Instant, after string) (page pay.EntryPage, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	page.Next, err = paged(p.order, after, func(id string) string { return id }, func(id string) bool {
		at := contracts.Instant(second(p.intents[id].created) * 1000)
		return at >= from && at < to
	}, func(id string) { page.Entries = append(page.Entries, p.intents[id].entry()) })
	return page, err
}

// Entry implements pay.Provider.
func (p *Provider) Entry(_ context.Context, id string) (pay.Entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, missing := p.find(id)
	if missing != nil {
		return pay.Entry{}, missing
	}
	return i.entry(), nil
}

func (i *intent) entry() pay.Entry {
	return pay.Entry{Intent: i.Intent, Refunded: i.refunded, Disputed: i.disputed}
}

// paged calls give for the elements of all that kept selects, newest first, for one page after the id after. all is oldest
// first. after may also name an element that kept does not select.
func paged[T any](all []T, after string, id func(T) string, kept func(T) bool, give func(T)) (next string, err error) {
	begun, given, last := after == "", 0, ""
	for n := len(all) - 1; n >= 0; n-- {
		switch {
		case !begun:
			begun = id(all[n]) == after
		case !kept(all[n]):
		case given == perPage:
			return last, nil
		default:
			give(all[n])
			given++
			last = id(all[n])
		}
	}
	if !begun {
		return "", problem(pay.FailureBug, "resource_missing", "no object "+after)
	}
	return "", nil
}
