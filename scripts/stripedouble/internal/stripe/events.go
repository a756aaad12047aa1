package stripe

import "slices"

// emit creates an event with the current state of an object. object must be a copy.
func (a *Account) emit(kind string, object any, r Request) {
	e := &Event{
		ID: a.newID("evt_"), Object: "event", APIVersion: APIVersion, Created: a.unix(), Data: EventData{Object: object}, Type: kind,
		delivered: map[string]bool{},
	}
	if r.ID != "" {
		e.Request.ID = &r.ID
	}
	if r.IdempotencyKey != "" {
		e.Request.IdempotencyKey = &r.IdempotencyKey
	}
	a.events = append(a.events, e)
	if a.onEvent != nil {
		a.onEvent(e)
	}
}

func (a *Account) emitCharge(kind string, c *Charge, r Request) { a.emit(kind, *c, r) }

// Wanted records that an endpoint is to receive an event. Call it only in the OnEvent function.
func (e *Event) Wanted(endpoint string) {
	e.delivered[endpoint] = false
	e.PendingWebhooks++
}

// Delivered records that an endpoint has received an event.
func (a *Account) Delivered(id, endpoint string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.events {
		if e.ID == id && !e.delivered[endpoint] {
			e.delivered[endpoint] = true
			e.PendingWebhooks--
		}
	}
}

// EventFilter selects events. DeliverySuccess nil selects all, false those that some endpoint has not received.
type EventFilter struct {
	Types           []string
	DeliverySuccess *bool
}

// Events lists events, newest first.
func (a *Account) Events(f EventFilter, page Page) (List[*Event], *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, problem := paged(a.events, page, "/v1/events", func(e *Event) (string, int64) { return e.ID, e.Created }, func(e *Event) bool {
		return (len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) && (f.DeliverySuccess == nil || *f.DeliverySuccess == (e.PendingWebhooks == 0))
	})
	for n, e := range l.Data {
		shown := *e
		l.Data[n] = &shown
	}
	return l, problem
}

// EventByID returns one event.
func (a *Account) EventByID(id string) (*Event, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.events {
		if e.ID == id {
			shown := *e
			return &shown, nil
		}
	}
	return nil, noSuch("event", id, "id")
}

// Page selects a page of a list: at most Limit objects (1 to 100; 0 means 10), older than StartingAfter or newer than
// EndingBefore, created in a range of seconds.
type Page struct {
	Limit                       int
	StartingAfter, EndingBefore string
	CreatedFrom, CreatedTo      *int64
}

const (
	limitDefault = 10
	limitMax     = 100
)

// paged cuts a page out of a list, which it gets oldest first. keep (nil for all) selects the objects of the list. An object that
// is not kept is still a valid StartingAfter or EndingBefore: an event may be delivered between two pages.
func paged[T any](all []T, p Page, url string, of func(T) (id string, created int64), keep func(T) bool) (List[T], *Error) {
	l := List[T]{Object: "list", URL: url, Data: []T{}}
	if p.Limit == 0 {
		p.Limit = limitDefault
	}
	if p.Limit < 1 || p.Limit > limitMax {
		return l, InvalidParam("parameter_invalid_integer", "limit", "This value must be between 1 and 100.")
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	at := func(id string) int { return slices.IndexFunc(newest, func(o T) bool { i, _ := of(o); return i == id }) }
	switch {
	case p.StartingAfter != "":
		i := at(p.StartingAfter)
		if i < 0 {
			return l, noSuch("object", p.StartingAfter, "starting_after")
		}
		newest = newest[i+1:]
	case p.EndingBefore != "":
		i := at(p.EndingBefore)
		if i < 0 {
			return l, noSuch("object", p.EndingBefore, "ending_before")
		}
		newest = newest[:i]
	}
	newest = slices.DeleteFunc(newest, func(o T) bool {
		_, created := of(o)
		return p.CreatedFrom != nil && created < *p.CreatedFrom || p.CreatedTo != nil && created > *p.CreatedTo || keep != nil && !keep(o)
	})
	l.HasMore = len(newest) > p.Limit
	if p.StartingAfter == "" && p.EndingBefore != "" {
		newest = newest[max(0, len(newest)-p.Limit):]
	}
	l.Data = append(l.Data, newest[:min(len(newest), p.Limit)]...)
	return l, nil
}
