// Package mempay is Stripe in memory, for tests and simulations: the part of it that pay uses, checked by the same suite as
// the adapter of the real one. lists.go reads lists page by page; buyer.go has what a buyer, a bank and the account's owner
// do; fault.go makes calls fail.
package mempay

import (
	"context"
	"fmt"
	"sync"

	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
)

// Options configures a Provider.
type Options struct {
	// Now is the clock for the times of objects.
	Now func() contracts.Instant
	// Deliver receives each event of stripeevent.Types, in their order, and reports whether the endpoint accepted it. It is
	// called with the Provider's lock held and must not call the Provider. nil accepts all.
	Deliver func(stripeevent.Event) bool
}

// Provider implements pay.Provider. It is safe for concurrent use and does not block. Ids are counted, so that the same
// calls make the same ids.
type Provider struct {
	o Options

	mu      sync.Mutex
	intents map[string]*intent
	// order has the ids of intents, oldest first.
	order   []string
	keys    map[string]saved
	events  []event
	effects []Effect
	faults  []fault
	made    int
}

var _ pay.Provider = (*Provider)(nil)

type intent struct {
	stripeevent.Intent
	secret  string
	created contracts.Instant
	// refunded is how much of the captured amount was refunded; disputed reports whether it was disputed.
	refunded int64
	disputed bool
}

type event struct {
	stripeevent.Event
	delivered bool
}

// Effect is a change of money, or of a promise of money.
type Effect struct {
	// Kind is created, declined, authorized, expired, captured, canceled, refunded or disputed.
	Kind     string
	IntentID string
	Order    contracts.OrderID
}

// New makes a Provider without objects.
func New(o Options) *Provider {
	return &Provider{o: o, intents: map[string]*intent{}, keys: map[string]saved{}}
}

// saved is the response to the first call with a key, which every later call with that key gets too.
type saved struct {
	request string
	answer  intent
	problem *pay.ProviderError
	// broken is a 5xx.
	broken bool
}

// keyed makes a call once for its key. It calls do with the lock held.
func (p *Provider) keyed(call Call, key, request string, order contracts.OrderID, do func() (intent, *pay.ProviderError)) (intent, error) {
	kind := p.faultOf(call, order)
	if kind == Limited {
		return intent{}, problem(pay.FailureUnknown, "rate_limit", "too many requests")
	}
	if first, known := p.keys[key]; known {
		switch {
		case first.request != request:
			return intent{}, problem(pay.FailureBug, "idempotency_error", "the key was used for "+first.request)
		case first.broken:
			return intent{}, problem(pay.FailureReplayed, "api_error", "an old failure")
		}
		return first.given()
	}
	s := saved{request: request, broken: kind == Broken || kind == BrokenAfter || kind == Garbled}
	if kind != Broken && kind != Garbled {
		s.answer, s.problem = do()
	}
	p.keys[key] = s
	switch {
	case s.broken:
		return intent{}, problem(pay.FailureUnknown, "api_error", "a failure")
	case kind == Lost:
		return intent{}, problem(pay.FailureUnknown, "no_answer", "the connection broke")
	default:
		return s.given()
	}
}

// given returns the saved result, with a nil error instead of a nil *pay.ProviderError.
func (s saved) given() (intent, error) {
	if s.problem != nil {
		return intent{}, s.problem
	}
	return s.answer, nil
}

// Create implements pay.Provider.
func (p *Provider) Create(_ context.Context, key string, c pay.CreateParams) (pay.Created, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	order := contracts.OrderID(c.Metadata[stripeevent.MetadataOrder])
	made, err := p.keyed(CallCreate, key, fmt.Sprintf("create %v", c), order, func() (intent, *pay.ProviderError) {
		amount, currency, err := c.Amount.StripeAmount()
		if err != nil {
			return intent{}, problem(pay.FailureBug, "invalid_request_error", err.Error())
		}
		p.made++
		id := fmt.Sprintf("pi_%d", p.made)
		i := &intent{secret: id + "_secret_" + key, created: p.o.Now(), Intent: stripeevent.Intent{
			ID: id, Object: "payment_intent", Amount: amount, Currency: currency, Status: pay.StatusRequiresMethod, Metadata: c.Metadata,
		}}
		p.intents[id] = i
		p.order = append(p.order, id)
		p.happened("created", i)
		return *i, nil
	})
	return pay.Created{ID: made.ID, ClientSecret: made.secret}, err
}

// Retrieve implements pay.Provider.
func (p *Provider) Retrieve(_ context.Context, id string) (stripeevent.Intent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, missing := p.find(id)
	if missing != nil {
		return stripeevent.Intent{}, missing
	}
	switch p.faultOf(CallRetrieve, i.orderID()) {
	case "":
		return i.Intent, nil
	case Limited:
		return stripeevent.Intent{}, problem(pay.FailureUnknown, "rate_limit", "too many requests")
	default:
		return stripeevent.Intent{}, problem(pay.FailureUnknown, "no_answer", "the connection broke")
	}
}

// Capture implements pay.Provider.
func (p *Provider) Capture(_ context.Context, key, id string) (stripeevent.Intent, error) {
	return p.move(CallCapture, key, id, func(i *intent) *pay.ProviderError {
		if i.Status != pay.StatusRequiresCapture {
			return unexpected(i, "captured")
		}
		i.Status, i.AmountReceived, i.AmountCapturable = pay.StatusSucceeded, i.AmountCapturable, 0
		p.happened("captured", i)
		return nil
	})
}

// Cancel implements pay.Provider.
func (p *Provider) Cancel(_ context.Context, key, id string) (stripeevent.Intent, error) {
	return p.move(CallCancel, key, id, func(i *intent) *pay.ProviderError {
		if i.Status == pay.StatusSucceeded || i.Status == pay.StatusCanceled {
			return unexpected(i, "canceled")
		}
		i.Status, i.AmountCapturable = pay.StatusCanceled, 0
		p.happened("canceled", i)
		p.emit(stripeevent.TypeCanceled, i)
		return nil
	})
}

// move makes a call that changes one PaymentIntent.
func (p *Provider) move(call Call, key, id string, do func(*intent) *pay.ProviderError) (stripeevent.Intent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, missing := p.find(id)
	var order contracts.OrderID
	if missing == nil {
		order = i.orderID()
	}
	moved, err := p.keyed(call, key, string(call)+" "+id, order, func() (intent, *pay.ProviderError) {
		if missing != nil {
			return intent{}, missing
		}
		if refused := do(i); refused != nil {
			return intent{}, refused
		}
		return *i, nil
	})
	return moved.Intent, err
}
