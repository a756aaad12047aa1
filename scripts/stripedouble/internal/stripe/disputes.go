package stripe

// Dispute is a cardholder who asks his bank for the money of a captured payment. It has a status of its own; nothing is
// refunded by it, and nothing can be refunded any more.
func (a *Account) Dispute(id string) (*Intent, *Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, ok := a.intents[id]
	switch {
	case !ok:
		return nil, noSuch("payment_intent", id, "intent")
	case i.Status != Succeeded:
		return nil, unexpected(i, "This PaymentIntent has no charge to dispute: it has a status of %s.", i.Status)
	}
	if c := a.charges[*i.LatestCharge]; !c.Disputed {
		a.dispute(i, c)
	}
	return copyOf(i), nil
}

func (a *Account) dispute(i *Intent, c *Charge) {
	c.Disputed = true
	a.note("disputed", i, c.AmountCaptured, Request{})
	a.emit("charge.dispute.created", Dispute{
		ID: a.newID("dp_"), Object: "dispute", Amount: c.AmountCaptured, Charge: c.ID, Created: a.unix(), Currency: c.Currency,
		Metadata: map[string]string{}, PaymentIntent: i.ID, Reason: "fraudulent", Status: "needs_response",
	}, Request{})
}

// disputedAtOnce disputes a charge that was captured from a card whose holder always does.
func (a *Account) disputedAtOnce(i *Intent, c *Charge) {
	if cards[c.PaymentMethod].disputed {
		a.dispute(i, c)
	}
}
