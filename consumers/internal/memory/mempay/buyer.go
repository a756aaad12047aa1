package mempay

import (
	"fmt"
	"slices"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
)

// Card is one of Stripe's test payment methods.
type Card string

// Cards.
const (
	CardGood     Card = "pm_card_visa"
	CardDeclined Card = "pm_card_visa_chargeDeclinedInsufficientFunds"
	// CardAsks is a card whose bank requires a step of the buyer first.
	CardAsks Card = "pm_card_threeDSecure2Required"
)

// Confirm confirms a PaymentIntent as a buyer's browser does, with the client secret and a card. The error is a
// *pay.ProviderError: declined, or not in a status that can be confirmed.
func (p *Provider) Confirm(c pay.Created, card Card) error {
	return p.change(c.ID, func(i *intent) *pay.ProviderError {
		switch {
		case i.secret != c.ClientSecret:
			return problem(pay.FailureBug, "invalid_request_error", "another client secret")
		case i.Status != pay.StatusRequiresMethod && i.Status != pay.StatusRequiresAction:
			return unexpected(i, "confirmed")
		}
		i.LastPaymentError = nil
		switch card {
		case CardGood:
			i.Status, i.AmountCapturable = pay.StatusRequiresCapture, i.Amount
			i.LatestCharge.Card = &readmodel.Card{Brand: "visa", Last4: "4242"}
			p.happened("authorized", i)
			p.emit(stripeevent.TypeAuthorized, i)
		case CardAsks:
			i.Status = pay.StatusRequiresAction
		default:
			i.Status = pay.StatusRequiresMethod
			i.LastPaymentError = &stripeevent.CardError{Code: "card_declined", DeclineCode: "insufficient_funds", Message: "Your card has insufficient funds."}
			p.happened("declined", i)
			p.emit(stripeevent.TypeDeclined, i)
			return problem(pay.FailureDeclined, "insufficient_funds", "declined")
		}
		return nil
	})
}

// Lose ends the authorisation of a PaymentIntent, as a bank does that reverses it. Another card may be tried.
func (p *Provider) Lose(id string) error {
	return p.change(id, func(i *intent) *pay.ProviderError {
		if i.Status != pay.StatusRequiresCapture {
			return unexpected(i, "lost")
		}
		i.Status, i.AmountCapturable = pay.StatusRequiresMethod, 0
		p.happened("expired", i)
		p.emit(stripeevent.TypeDeclined, i)
		return nil
	})
}

// Refund refunds part of the captured amount, as the account's owner does in the dashboard.
func (p *Provider) Refund(id string, amount int64) error {
	return p.change(id, func(i *intent) *pay.ProviderError {
		if i.Status != pay.StatusSucceeded || i.disputed || amount < 1 || amount > i.AmountReceived-i.refunded {
			return problem(pay.FailureBug, "invalid_request_error", "there is not that much to refund")
		}
		i.refunded += amount
		p.happened("refunded", i)
		return nil
	})
}

// Dispute disputes the captured amount, as a cardholder does at the bank. It is safe to repeat.
func (p *Provider) Dispute(id string) error {
	return p.change(id, func(i *intent) *pay.ProviderError {
		switch {
		case i.Status != pay.StatusSucceeded:
			return unexpected(i, "disputed")
		case !i.disputed:
			i.disputed = true
			p.happened("disputed", i)
		}
		return nil
	})
}

// change runs do on a PaymentIntent, with the lock held.
func (p *Provider) change(id string, do func(*intent) *pay.ProviderError) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, missing := p.find(id)
	if missing != nil {
		return missing
	}
	if refused := do(i); refused != nil {
		return refused
	}
	return nil
}

// Effects returns a copy of all effects, oldest first.
func (p *Provider) Effects() []Effect {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.effects)
}

func (p *Provider) happened(kind string, i *intent) {
	p.effects = append(p.effects, Effect{Kind: kind, IntentID: i.ID, Order: i.orderID()})
}

func (p *Provider) emit(kind string, i *intent) {
	e := stripeevent.Event{ID: fmt.Sprintf("evt_%d", len(p.events)+1), Type: kind, Created: second(p.o.Now())}
	e.Data.Object = i.Intent
	e.Data.Object.LatestCharge = stripeevent.Charge{} // an event has only the id of the charge
	p.events = append(p.events, event{Event: e, delivered: p.o.Deliver == nil || p.o.Deliver(e)})
}

func (i *intent) orderID() contracts.OrderID {
	return contracts.OrderID(i.Metadata[stripeevent.MetadataOrder])
}

func (p *Provider) find(id string) (*intent, *pay.ProviderError) {
	i, ok := p.intents[id]
	if !ok {
		return nil, problem(pay.FailureBug, "resource_missing", "no PaymentIntent "+id)
	}
	return i, nil
}

func unexpected(i *intent, what string) *pay.ProviderError {
	return problem(pay.FailureState, "payment_intent_unexpected_state", fmt.Sprintf("%s is %s and cannot be %s", i.ID, i.Status, what))
}

// second is an instant in Stripe's unit, whole seconds.
func second(i contracts.Instant) int64 { return int64(i) / 1000 }
