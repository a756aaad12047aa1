// Package stripepay implements pay.Provider with Stripe. stripepay.go makes the calls, list.go reads lists page by page,
// classify.go is the one table that maps Stripe's errors to failures, heading.go keeps what is known of a response that
// cannot be read.
//
// No error and no log line contains the secret key or a client secret: an error names a status, a code and the request's
// id, by which Stripe's own log shows the rest.
package stripepay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/paymentintent"

	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/stripeevent"
)

// Options configures a Provider.
type Options struct {
	// Key is the account's secret key, or a restricted one that may write PaymentIntents and read events.
	Key string
	// Base is the API's address without a path, "" for Stripe's own.
	Base string
	// TimeoutPerCall bounds one call, or one page of a list. After it the result is unknown. Default 5 s, which leaves a
	// step of the 15 s that pay has for a message time to read the result.
	TimeoutPerCall time.Duration
	// Transport makes the requests. The default keeps as many connections as a batch has messages.
	Transport http.RoundTripper
}

// connections is the number of connections kept open, for the ten orders of a batch that are handled concurrently.
const connections = 10

// Provider is safe for concurrent use. Each method blocks for at most Options.TimeoutPerCall a call, and its errors are
// *pay.ProviderError.
type Provider struct {
	backend stripe.Backend
	intents paymentintent.Client
	key     string
	breaker retry.Breaker
	timeout time.Duration
	log     *slog.Logger
}

var _ pay.Provider = (*Provider)(nil)

// New makes a Provider. It dials on first use. The breaker should count by Healthy.
func New(o Options, breaker retry.Breaker, log *slog.Logger) *Provider {
	if o.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = connections
		o.Transport = transport
	}
	config := &stripe.BackendConfig{
		// The calls end by their context.
		HTTPClient: &http.Client{Transport: headings{o.Transport}},
		// One layer retries, and it is the queue.
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		// The library would log bodies that it cannot read, and a PaymentIntent contains its client secret. Its errors say
		// all that is needed.
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	}
	if o.Base != "" {
		config.URL = &o.Base
	}
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, config)
	return &Provider{
		backend: backend, intents: paymentintent.Client{B: backend, Key: o.Key}, key: o.Key,
		breaker: breaker, timeout: cmp.Or(o.TimeoutPerCall, 5*time.Second), log: log,
	}
}

// Create implements pay.Provider.
func (p *Provider) Create(ctx context.Context, key string, c pay.CreateParams) (made pay.Created, err error) {
	amount, currency, err := c.Amount.StripeAmount()
	if err != nil {
		return pay.Created{}, &pay.ProviderError{Failure: pay.FailureBug, Code: "amount", Err: err}
	}
	params := &stripe.PaymentIntentParams{
		Amount: stripe.Int64(amount), Currency: stripe.String(currency),
		CaptureMethod:      stripe.String(string(stripe.PaymentIntentCaptureMethodManual)),
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}), Metadata: c.Metadata,
	}
	params.SetIdempotencyKey(key)
	err = p.call(ctx, "create", func(ctx context.Context) error {
		params.Context = ctx
		i, err := p.intents.New(params)
		if err != nil {
			return err
		}
		if _, err := intentOf(i.LastResponse.RawJSON); err != nil || i.ClientSecret == "" {
			return errNotAnIntent
		}
		made = pay.Created{ID: i.ID, ClientSecret: i.ClientSecret}
		return nil
	})
	return made, err
}

// Retrieve implements pay.Provider.
func (p *Provider) Retrieve(ctx context.Context, id string) (stripeevent.Intent, error) {
	params := &stripe.PaymentIntentParams{}
	params.AddExpand(latestCharge)
	return p.intent(ctx, "retrieve", func(ctx context.Context) (*stripe.PaymentIntent, error) {
		params.Context = ctx
		return p.intents.Get(id, params)
	})
}

// Capture implements pay.Provider.
func (p *Provider) Capture(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	params := &stripe.PaymentIntentCaptureParams{}
	params.SetIdempotencyKey(key)
	params.AddExpand(latestCharge)
	return p.intent(ctx, "capture", func(ctx context.Context) (*stripe.PaymentIntent, error) {
		params.Context = ctx
		return p.intents.Capture(id, params)
	})
}

// Cancel implements pay.Provider.
func (p *Provider) Cancel(ctx context.Context, key, id string) (stripeevent.Intent, error) {
	params := &stripe.PaymentIntentCancelParams{}
	params.SetIdempotencyKey(key)
	return p.intent(ctx, "cancel", func(ctx context.Context) (*stripe.PaymentIntent, error) {
		params.Context = ctx
		return p.intents.Cancel(id, params)
	})
}

// intent makes a call that returns a PaymentIntent.
func (p *Provider) intent(ctx context.Context, name string, ask func(context.Context) (*stripe.PaymentIntent, error)) (i stripeevent.Intent, err error) {
	err = p.call(ctx, name, func(ctx context.Context) error {
		answered, err := ask(ctx)
		if err != nil {
			return err
		}
		i, err = intentOf(answered.LastResponse.RawJSON)
		return err
	})
	return i, err
}

// errNotAnIntent means that a successful response has no PaymentIntent in it, for example one of a proxy on the way.
var errNotAnIntent = errors.New("the response is not a PaymentIntent")

// intentOf decodes a PaymentIntent in the same way as events are decoded, so that both mean the same.
func intentOf(raw []byte) (i stripeevent.Intent, err error) {
	if err := json.Unmarshal(raw, &i); err != nil || i.Object != "payment_intent" || i.ID == "" {
		return stripeevent.Intent{}, errNotAnIntent
	}
	return i, nil
}

// errNoAnswer is the cause of a call that Stripe did not answer in time.
var errNoAnswer = errors.New("no answer from Stripe in time")

// call runs op through the breaker, bounded by the timeout per call. Its error is a *pay.ProviderError.
func (p *Provider) call(ctx context.Context, name string, op func(ctx context.Context) error) error {
	err := p.breaker.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, errNoAnswer)
		defer cancel()
		var head heading
		err := op(withHeading(ctx, &head))
		if err != nil && ctx.Err() != nil {
			return problemOf(fmt.Errorf("%w: %w", context.Cause(ctx), ctx.Err()), head)
		}
		return problemOf(err, head)
	})
	var problem *pay.ProviderError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problem):
		problem.Err = fmt.Errorf("%s: %w", name, problem.Err)
		return problem
	default:
		// Stripe was not called: the breaker is open, or the context had ended before.
		return &pay.ProviderError{Code: codeNotCalled, Err: fmt.Errorf("%s: %w", name, err)}
	}
}
