package stripe

// RefundParams of a refund; Amount 0 means everything that is left.
type RefundParams struct {
	PaymentIntent, Charge string
	Amount                int64
	Reason                *string
	Metadata              map[string]string
}

// Refund returns money of a captured payment.
func (a *Account) Refund(p RefundParams, r Request) (*Refund, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := p.Charge
	if id == "" {
		i, ok := a.intents[p.PaymentIntent]
		if !ok {
			return nil, noSuch("payment_intent", p.PaymentIntent, "payment_intent")
		}
		if i.Status != Succeeded {
			return nil, InvalidParam("", "payment_intent", "This PaymentIntent (%s) does not have a successful charge to refund.", i.ID)
		}
		id = *i.LatestCharge
	}
	c, ok := a.charges[id]
	if !ok {
		return nil, noSuch("charge", id, "charge")
	}
	left := c.AmountCaptured - a.refunded(c)
	amount := p.Amount
	if amount == 0 {
		amount = left
	}
	switch {
	case c.Disputed:
		return nil, InvalidParam("charge_disputed", "", "Charge %s has been charged back; cannot issue a refund.", c.ID)
	case left == 0:
		return nil, InvalidParam("charge_already_refunded", "", "Charge %s has already been refunded.", c.ID)
	case amount < 0 || amount > left:
		return nil, InvalidParam("", "amount", "Refund amount (%d) is greater than unrefunded amount on charge (%d)", amount, left)
	}
	f := &Refund{
		ID: a.newID("re_"), Object: "refund", Amount: amount, Charge: c.ID, Created: a.unix(), Currency: c.Currency,
		Metadata: p.Metadata, PaymentIntent: c.PaymentIntent, Reason: p.Reason, Status: "succeeded",
	}
	if cards[c.PaymentMethod].refund == "pending" {
		f.Status = "pending"
	}
	a.refunds[f.ID] = f
	a.refs = append(a.refs, f.ID)
	c.AmountRefunded += amount
	c.Refunded = c.AmountRefunded == c.Amount
	a.note("refunded", a.intents[c.PaymentIntent], amount, r)
	a.emitCharge("charge.refunded", c, r)
	shown := *f
	return &shown, nil
}

// refunded is the sum of a charge's refunds that have not failed.
func (a *Account) refunded(c *Charge) (total int64) {
	for _, id := range a.refs {
		if f := a.refunds[id]; f.Charge == c.ID && f.Status != "failed" {
			total += f.Amount
		}
	}
	return total
}

// Settle gives a refund its final status, which Stripe reports later: a pending one succeeds; one to a closed card fails after it
// has succeeded.
func (a *Account) Settle(id string) (*Refund, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.refunds[id]
	if !ok {
		return nil, noSuch("refund", id, "refund")
	}
	c := a.charges[f.Charge]
	switch what := cards[c.PaymentMethod].refund; {
	case what == "pending" && f.Status == "pending":
		f.Status = "succeeded"
	case what == "failed" && f.Status == "succeeded":
		f.Status, f.FailureReason = "failed", "expired_or_canceled_card"
		c.AmountRefunded -= f.Amount
		c.Refunded = false
		a.note("refund_failed", a.intents[c.PaymentIntent], f.Amount, Request{})
	default:
		return nil, InvalidParam("", "refund", "Refund %s is final: %s.", f.ID, f.Status)
	}
	a.emit("charge.refund.updated", *f, Request{})
	shown := *f
	return &shown, nil
}

// RefundByID returns one refund.
func (a *Account) RefundByID(id string) (*Refund, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.refunds[id]
	if !ok {
		return nil, noSuch("refund", id, "refund")
	}
	shown := *f
	return &shown, nil
}

// Refunds lists refunds, newest first; if intent is not empty, only those of that PaymentIntent.
func (a *Account) Refunds(intent string, page Page) (List[*Refund], *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []*Refund
	for _, id := range a.refs {
		if f := *a.refunds[id]; intent == "" || f.PaymentIntent == intent {
			all = append(all, &f)
		}
	}
	return paged(all, page, "/v1/refunds", func(f *Refund) (string, int64) { return f.ID, f.Created }, nil)
}
