package stripe

import "net/http"

// ConfirmParams of a confirmation. With Browser, ClientSecret must be the PaymentIntent's.
type ConfirmParams struct {
	PaymentMethod string
	ReturnURL     *string
	ClientSecret  string
	Browser       bool
}

// Confirm tries the card. Afterwards the PaymentIntent is requires_capture (or succeeded, if it is captured automatically),
// requires_action if the bank asks the buyer, or requires_payment_method again, with the decline as an error.
func (a *Account) Confirm(id string, p ConfirmParams, r Request) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	if !ok {
		return nil, noSuch("payment_intent", id, "intent")
	}
	if p.Browser {
		if problem := checkSecret(i, p.ClientSecret); problem != nil {
			return nil, problem
		}
	}
	return a.confirm(i, p, r)
}

func (a *Account) confirm(i *Intent, p ConfirmParams, r Request) (*Intent, *Error) {
	if i.Status != RequiresPaymentMethod && i.Status != RequiresConfirmation && i.Status != RequiresAction {
		return nil, unexpected(i, "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed, or has a status of %s.", i.Status)
	}
	method := p.PaymentMethod
	if method == "" && i.PaymentMethod != nil {
		method = *i.PaymentMethod
	}
	if method == "" {
		return nil, unexpected(i, "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.")
	}
	c, known := cards[method]
	if !known {
		return nil, noSuch("PaymentMethod", method, "payment_method")
	}
	i.PaymentMethod, i.NextAction, i.LastPaymentError = &method, nil, nil
	switch {
	case c.decline != nil:
		return nil, a.decline(i, *c.decline, r)
	case c.challenge:
		i.Status, i.NextAction = RequiresAction, &NextAction{Type: "redirect_to_url"}
		i.NextAction.RedirectToURL.URL = a.base + "/double/3ds/" + i.ID
		i.NextAction.RedirectToURL.ReturnURL = p.ReturnURL
		a.emit("payment_intent.requires_action", *i, r)
	default:
		a.authorize(i, r)
	}
	return copyOf(i), nil
}

// authorize authorises the amount, or captures it at once unless the capture is manual.
func (a *Account) authorize(i *Intent, r Request) {
	c := a.charge(i)
	c.Paid, c.Status = true, "succeeded"
	i.LatestCharge, i.NextAction = &c.ID, nil
	a.emitCharge("charge.succeeded", c, r)
	if i.CaptureMethod != "manual" {
		c.Captured, c.AmountCaptured = true, c.Amount
		i.Status, i.AmountReceived = Succeeded, i.Amount
		a.note("captured", i, i.Amount, r)
		a.emit("payment_intent.succeeded", *i, r)
		a.disputeIfCardAlwaysDoes(i, c)
		return
	}
	c.Details.Card.CaptureBefore = a.clock().Add(AuthorizationLifetime).Unix()
	i.Status, i.AmountCapturable = RequiresCapture, i.Amount
	a.note("authorized", i, i.Amount, r)
	a.emit("payment_intent.amount_capturable_updated", *i, r)
}

// decline records a declined card. The PaymentIntent waits for another one.
func (a *Account) decline(i *Intent, problem Error, r Request) *Error {
	c := a.charge(i)
	c.Status, c.FailureCode, c.FailureMessage = "failed", &problem.Code, &problem.Message
	problem.Charge = c.ID
	shown := problem
	i.Status, i.PaymentMethod, i.LatestCharge, i.LastPaymentError = RequiresPaymentMethod, nil, &c.ID, &shown
	a.note("declined", i, i.Amount, r)
	a.emitCharge("charge.failed", c, r)
	a.emit("payment_intent.payment_failed", *i, r)
	problem.PaymentIntent = copyOf(i)
	return &problem
}

func (a *Account) charge(i *Intent) *Charge {
	c := &Charge{
		ID: a.newID("ch_"), Object: "charge", Amount: i.Amount, Created: a.unix(), Currency: i.Currency, Metadata: i.Metadata,
		PaymentIntent: i.ID, PaymentMethod: *i.PaymentMethod,
	}
	c.Details.Type = "card"
	c.Details.Card.Brand, c.Details.Card.Last4 = faceOf(*i.PaymentMethod)
	a.charges[c.ID] = c
	return c
}

// FinishChallenge ends a challenge: the buyer approved on the bank's page, or did not.
func (a *Account) FinishChallenge(id string, passed bool) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	if !ok {
		return nil, noSuch("payment_intent", id, "intent")
	}
	if i.Status != RequiresAction {
		return nil, unexpected(i, "This PaymentIntent has no open challenge: it has a status of %s.", i.Status)
	}
	if passed {
		a.authorize(i, Request{})
		return copyOf(i), nil
	}
	problem := Error{
		HTTPStatus: http.StatusPaymentRequired, Type: TypeInvalidRequest, Code: "payment_intent_authentication_failure",
		Message: "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
	}
	i.Status, i.NextAction, i.PaymentMethod, i.LastPaymentError = RequiresPaymentMethod, nil, nil, &problem
	a.note("declined", i, i.Amount, Request{})
	a.emit("payment_intent.payment_failed", *i, Request{})
	return copyOf(i), nil
}

// LoseMethod removes the payment method of an authorised intent, as when an authorisation is reversed: the intent is
// requires_payment_method again, and cannot be captured.
func (a *Account) LoseMethod(id string) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	if !ok {
		return nil, noSuch("payment_intent", id, "intent")
	}
	if i.Status != RequiresCapture {
		return nil, unexpected(i, "This PaymentIntent has no authorisation to lose: it has a status of %s.", i.Status)
	}
	i.Status, i.AmountCapturable, i.PaymentMethod = RequiresPaymentMethod, 0, nil
	a.note("expired", i, i.Amount, Request{})
	a.emit("payment_intent.payment_failed", *i, Request{})
	return copyOf(i), nil
}
