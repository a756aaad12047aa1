package stripe

// Dispute disputes the charge of a captured PaymentIntent: the cardholder claims the money back from the bank. Nothing is
// refunded by it, and nothing can be refunded any more. A second dispute of a charge changes nothing.
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

// disputeIfCardAlwaysDoes disputes a captured charge if the test card's holder always disputes.
func (a *Account) disputeIfCardAlwaysDoes(i *Intent, c *Charge) {
	if cards[c.PaymentMethod].disputed {
		a.dispute(i, c)
	}
}
