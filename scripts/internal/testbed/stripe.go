package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/invariants"
)

// Card is the result of a confirmation: the PaymentIntent's status, or the code of an error.
type Card struct {
	Status string
	// Code is the decline code of a declined card, or else the error's code.
	Code string
	// Page is the address of the bank's page if the bank asks the buyer first.
	Page string
}

// Confirm confirms a payment as a buyer's browser does: with the publishable key, and the client secret that the API has shown.
func (b *Bed) Confirm(ctx context.Context, clientSecret, card string) (Card, error) {
	intent, _, ok := strings.Cut(clientSecret, "_secret_")
	if !ok {
		return Card{}, fmt.Errorf("%q is no client secret", clientSecret)
	}
	form := url.Values{"key": {b.environment["STRIPE_PUBLISHABLE_KEY"]}, "client_secret": {clientSecret}, "payment_method": {card}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.environment["STRIPE_API_BASE"]+"/v1/payment_intents/"+intent+"/confirm", strings.NewReader(form.Encode()))
	if err != nil {
		return Card{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := b.HTTP.Do(request)
	if err != nil {
		return Card{}, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	var answer struct {
		Status     string `json:"status"`
		NextAction *struct {
			Redirect struct {
				URL string `json:"url"`
			} `json:"redirect_to_url"`
		} `json:"next_action"`
		Error *struct {
			Code        string `json:"code"`
			DeclineCode string `json:"decline_code"`
		} `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return Card{}, fmt.Errorf("confirm: %s: %w", response.Status, err)
	}
	c := Card{Status: answer.Status}
	if answer.NextAction != nil {
		c.Page = answer.NextAction.Redirect.URL
	}
	if e := answer.Error; e != nil {
		if c.Code = e.DeclineCode; c.Code == "" {
			c.Code = e.Code
		}
	}
	return c, nil
}

// Merchant returns a client of Stripe with the account's secret key.
func (b *Bed) Merchant() *client.API {
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(b.environment["STRIPE_API_BASE"]), HTTPClient: b.HTTP,
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	return client.New(b.environment["STRIPE_SECRET_KEY"], &stripe.Backends{API: backend})
}

// WebhookSecret returns the secret that signs the events that Stripe sends to this stack.
func (b *Bed) WebhookSecret() string { return b.environment["STRIPE_WEBHOOK_SECRET"] }

// Answer answers the bank's page as the buyer. outcome is succeed or fail.
func (b *Bed) Answer(ctx context.Context, page, outcome string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, page, strings.NewReader(url.Values{"outcome": {outcome}}.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.plain(request, nil)
}

// Double calls the test interface of the stand-in for Stripe, which controls deliveries, faults and time. It decodes the response
// into into, unless that is nil.
func (b *Bed) Double(ctx context.Context, method, path, body string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, b.environment["STRIPE_API_BASE"]+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	return b.plain(request, into)
}

func (b *Bed) plain(request *http.Request, into any) error {
	response, err := b.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s %.300s", request.Method, request.URL, response.Status, body)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// Effects returns everything that has happened to money at Stripe, oldest first. It is never nil.
func (b *Bed) Effects(ctx context.Context) ([]invariants.Effect, error) {
	var journal struct {
		Effects []struct {
			Kind          string
			AtMs          int64
			PaymentIntent string
			Amount        int64
			Metadata      map[string]string
		}
	}
	if err := b.Double(ctx, http.MethodGet, "/double/journal", "", &journal); err != nil {
		return nil, err
	}
	effects := []invariants.Effect{}
	for _, e := range journal.Effects {
		effects = append(effects, invariants.Effect{
			Kind: e.Kind, At: contracts.Instant(e.AtMs), PaymentIntent: e.PaymentIntent, Order: contracts.OrderID(e.Metadata["orderId"]), Amount: e.Amount,
		})
	}
	return effects, nil
}
