package stripe

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// AuthorizationLifetime is how long an authorisation can be captured: 7 days for a card that the buyer uses online.
const AuthorizationLifetime = 7 * 24 * time.Hour

// Account is a Stripe account. It is safe for concurrent use. Each operation is atomic: an object, its charge, its events and its
// journal entry are all there or none of them.
type Account struct {
	newID func(prefix string) string

	mu      sync.Mutex
	now     func() time.Time
	ahead   time.Duration
	base    string
	intents map[string]*Intent
	charges map[string]*Charge
	refunds map[string]*Refund
	order   []string // intents, oldest first
	refs    []string // refunds, oldest first
	events  []*Event
	journal []Effect
	// onEvent receives each event, in order, with the account locked.
	onEvent func(*Event)
}

// Options of an Account.
type Options struct {
	Now func() time.Time
	// NewID returns an id that was never returned before: prefix and at least 14 letters and digits.
	NewID func(prefix string) string
	// Base is the address of the double, for the bank's pages.
	Base string
}

// New returns an account without objects.
func New(o Options) *Account {
	return &Account{
		newID: o.NewID, now: o.Now, base: o.Base,
		intents: map[string]*Intent{}, charges: map[string]*Charge{}, refunds: map[string]*Refund{},
	}
}

// OnEvent sets the receiver of events. f is called with the account locked, so it must not call the account.
func (a *Account) OnEvent(f func(*Event)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.onEvent = f
}

// Request identifies the request that caused a change, for events and the journal.
type Request struct{ ID, IdempotencyKey string }

// Effect is a journal entry: a change to money or to an authorisation.
type Effect struct {
	Seq int   `json:"seq"`
	At  int64 `json:"atMs"`
	// Kind is created, declined, authorized, captured, canceled, expired, refunded, refund_failed or disputed.
	Kind          string            `json:"kind"`
	PaymentIntent string            `json:"paymentIntent"`
	Amount        int64             `json:"amount"`
	Currency      string            `json:"currency"`
	Key           string            `json:"idempotencyKey,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
}

// Journal returns a copy of all effects, oldest first.
func (a *Account) Journal() []Effect {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.journal)
}

func (a *Account) note(kind string, i *Intent, amount int64, r Request) {
	a.journal = append(a.journal, Effect{
		Seq: len(a.journal) + 1, At: a.clock().UnixMilli(), Kind: kind, PaymentIntent: i.ID, Amount: amount,
		Currency: i.Currency, Key: r.IdempotencyKey, Metadata: i.Metadata,
	})
}

func (a *Account) clock() time.Time { return a.now().Add(a.ahead) }

func (a *Account) unix() int64 { return a.clock().Unix() }

// Reset deletes everything.
func (a *Account) Reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.intents, a.charges, a.refunds = map[string]*Intent{}, map[string]*Charge{}, map[string]*Refund{}
	a.order, a.refs, a.events, a.journal, a.ahead = nil, nil, nil, nil, 0
}

// Advance moves the account's clock forward. Authorisations that expire by then are canceled, as at Stripe.
func (a *Account) Advance(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ahead += d
	for _, id := range a.order {
		i := a.intents[id]
		if i.Status != RequiresCapture || a.charges[*i.LatestCharge].Details.Card.CaptureBefore > a.unix() {
			continue
		}
		a.end(i, "automatic")
		a.note("expired", i, i.Amount, Request{})
		a.emit("charge.expired", *a.charges[*i.LatestCharge], Request{})
		a.emit("payment_intent.canceled", *i, Request{})
	}
}

// copyOf returns a copy of an intent, so that a returned object does not change any more.
func copyOf(i *Intent) *Intent {
	c := *i
	return &c
}

// noSuch is the error for an unknown id.
func noSuch(kind, id, param string) *Error {
	return &Error{
		HTTPStatus: http.StatusNotFound, Type: TypeInvalidRequest, Code: "resource_missing", Param: param,
		Message: fmt.Sprintf("No such %s: '%s'", kind, id),
	}
}

// InvalidParam is the error for a parameter value that Stripe does not accept.
func InvalidParam(code, param, format string, args ...any) *Error {
	return &Error{HTTPStatus: http.StatusBadRequest, Type: TypeInvalidRequest, Code: code, Param: param, Message: fmt.Sprintf(format, args...)}
}

// unexpected is the error for an operation that the status does not allow. It carries the PaymentIntent.
func unexpected(i *Intent, format string, args ...any) *Error {
	return &Error{
		HTTPStatus: http.StatusBadRequest, Type: TypeInvalidRequest, Code: "payment_intent_unexpected_state",
		Message: fmt.Sprintf(format, args...), PaymentIntent: copyOf(i),
	}
}

// Now returns the account's time, which Advance moves.
func (a *Account) Now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.clock()
}
