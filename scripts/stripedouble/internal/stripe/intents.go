package stripe

import (
	"fmt"
	"slices"
	"strings"
)

// CreateParams of a PaymentIntent.
type CreateParams struct {
	Amount             int64
	Currency           string
	CaptureMethod      string
	ConfirmationMethod string
	Description        *string
	Metadata           map[string]string
	PaymentMethod      string
	PaymentMethodTypes []string
	ReturnURL          *string
	Confirm            bool
}

// Create creates a PaymentIntent, and confirms it if asked to. After a declined card the PaymentIntent still exists; the error
// carries it.
func (a *Account) Create(p CreateParams, r Request) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if problem := chargeable(p.Amount, p.Currency); problem != nil {
		return nil, problem
	}
	id := a.newID("pi_")
	i := &Intent{
		ID: id, Object: "payment_intent", Amount: p.Amount, Currency: p.Currency, Created: a.unix(),
		CaptureMethod: p.CaptureMethod, ConfirmationMethod: p.ConfirmationMethod, ClientSecret: id + "_secret_" + a.newID(""),
		Description: p.Description, Metadata: p.Metadata, PaymentMethodTypes: p.PaymentMethodTypes, Status: RequiresPaymentMethod,
	}
	if p.PaymentMethod != "" {
		if _, known := cards[p.PaymentMethod]; !known {
			return nil, noSuch("PaymentMethod", p.PaymentMethod, "payment_method")
		}
		i.PaymentMethod, i.Status = &p.PaymentMethod, RequiresConfirmation
	}
	a.intents[id] = i
	a.order = append(a.order, id)
	a.note("created", i, i.Amount, r)
	a.emit("payment_intent.created", *i, r)
	if p.Confirm {
		return a.confirm(i, ConfirmParams{ReturnURL: p.ReturnURL}, r)
	}
	return copyOf(i), nil
}

// Intent returns one PaymentIntent.
func (a *Account) Intent(id string) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	if !ok {
		return nil, noSuch("payment_intent", id, "intent")
	}
	return copyOf(i), nil
}

// ExpandedIntent returns one PaymentIntent with its latest charge.
func (a *Account) ExpandedIntent(id string) (*ExpandedIntent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	if !ok {
		return nil, noSuch("payment_intent", id, "intent")
	}
	return a.expanded(i), nil
}

func (a *Account) expanded(i *Intent) *ExpandedIntent {
	e := &ExpandedIntent{Intent: copyOf(i)}
	if i.LatestCharge != nil {
		c := *a.charges[*i.LatestCharge]
		e.LatestCharge = &c
	}
	return e
}

// Intents lists PaymentIntents, newest first.
func (a *Account) Intents(page Page) (List[*Intent], *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.intentsOf(page)
}

// ExpandedIntents lists PaymentIntents with their latest charges.
func (a *Account) ExpandedIntents(page Page) (List[*ExpandedIntent], *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	plain, problem := a.intentsOf(page)
	if problem != nil {
		return List[*ExpandedIntent]{}, problem
	}
	l := List[*ExpandedIntent]{Object: plain.Object, URL: plain.URL, HasMore: plain.HasMore, Data: []*ExpandedIntent{}}
	for _, i := range plain.Data {
		l.Data = append(l.Data, a.expanded(i))
	}
	return l, nil
}

func (a *Account) intentsOf(page Page) (List[*Intent], *Error) {
	all := make([]*Intent, len(a.order))
	for n, id := range a.order {
		all[n] = a.intents[id]
	}
	l, problem := paged(all, page, "/v1/payment_intents", func(i *Intent) (string, int64) { return i.ID, i.Created }, nil)
	for n, i := range l.Data {
		l.Data[n] = copyOf(i)
	}
	return l, problem
}

// Update changes metadata and description, in any status. An empty metadata value deletes its key.
func (a *Account) Update(id string, metadata map[string]string, description *string) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	if !ok {
		return nil, noSuch("payment_intent", id, "intent")
	}
	merged := map[string]string{}
	for k, v := range i.Metadata {
		merged[k] = v
	}
	for k, v := range metadata {
		merged[k] = v
		if v == "" {
			delete(merged, k)
		}
	}
	i.Metadata = merged
	if description != nil {
		i.Description = description
	}
	return copyOf(i), nil
}

// CaptureParams of a capture; Amount 0 means everything.
type CaptureParams struct{ Amount int64 }

// Capture takes the money of an authorisation. The part that is not captured is released.
func (a *Account) Capture(id string, p CaptureParams, r Request) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	switch {
	case !ok:
		return nil, noSuch("payment_intent", id, "intent")
	case i.Status != RequiresCapture:
		return nil, unexpected(i, "This PaymentIntent could not be captured because it has a status of %s. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.", i.Status)
	case p.Amount > i.AmountCapturable:
		return nil, InvalidParam("amount_too_large", "amount_to_capture", "The payment could not be captured because the requested capture amount is greater than the amount you can capture for this charge. You cannot capture more than %d.", i.AmountCapturable)
	}
	amount := i.AmountCapturable
	if p.Amount > 0 {
		amount = p.Amount
	}
	c := a.charges[*i.LatestCharge]
	c.Captured, c.AmountCaptured, c.AmountRefunded = true, amount, i.Amount-amount
	i.Status, i.AmountReceived, i.AmountCapturable = Succeeded, amount, 0
	a.note("captured", i, amount, r)
	a.emit("charge.captured", *c, r)
	a.emit("payment_intent.succeeded", *i, r)
	a.disputeIfCardAlwaysDoes(i, c)
	return copyOf(i), nil
}

// reasons that a caller may give for a cancellation.
var reasons = []string{"duplicate", "fraudulent", "requested_by_customer", "abandoned"}

// Cancel ends a PaymentIntent that has not succeeded, and releases its authorisation. Every later operation fails.
func (a *Account) Cancel(id, reason string, r Request) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	switch {
	case !ok:
		return nil, noSuch("payment_intent", id, "intent")
	case reason != "" && !slices.Contains(reasons, reason):
		return nil, InvalidParam("", "cancellation_reason", "Invalid cancellation_reason: must be one of %s", strings.Join(reasons, ", "))
	case i.Status == Succeeded || i.Status == Canceled:
		return nil, unexpected(i, "You cannot cancel this PaymentIntent because it has a status of %s. Only a PaymentIntent with one of the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.", i.Status)
	}
	a.end(i, reason)
	a.note("canceled", i, i.Amount, r)
	a.emit("payment_intent.canceled", *i, r)
	return copyOf(i), nil
}

// end sets an intent to canceled.
func (a *Account) end(i *Intent, reason string) {
	if i.Status == RequiresCapture {
		c := a.charges[*i.LatestCharge]
		c.Refunded, c.AmountRefunded = true, c.Amount
	}
	at := a.unix()
	i.Status, i.CanceledAt, i.AmountCapturable, i.NextAction = Canceled, &at, 0, nil
	if reason != "" {
		i.CancellationReason = &reason
	}
}

func (i *Intent) String() string { return fmt.Sprintf("%s %s", i.ID, i.Status) }
