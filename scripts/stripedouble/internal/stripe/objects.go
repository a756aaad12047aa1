// Package stripe is the account of the double: PaymentIntents, charges, refunds and events, with Stripe's state machine, exact
// amounts and error codes, at API version 2023-10-16. It has no clock, no randomness and no network of its own: its Options bring
// them, and package server adds Stripe's paths.
//
// It implements what a pipeline that authorises cards and captures later needs, and refuses everything else by name: a request
// that the double accepted silently could fail at Stripe in production.
package stripe

// APIVersion is the API version of the objects and events.
const APIVersion = "2023-10-16"

// Statuses of a PaymentIntent.
const (
	RequiresPaymentMethod = "requires_payment_method"
	RequiresConfirmation  = "requires_confirmation"
	RequiresAction        = "requires_action"
	RequiresCapture       = "requires_capture"
	Succeeded             = "succeeded"
	Canceled              = "canceled"
)

// Intent is a PaymentIntent as the API returns it. Pointers are members that can be null.
type Intent struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amount_capturable"`
	AmountReceived     int64             `json:"amount_received"`
	CanceledAt         *int64            `json:"canceled_at"`
	CancellationReason *string           `json:"cancellation_reason"`
	CaptureMethod      string            `json:"capture_method"`
	ClientSecret       string            `json:"client_secret"`
	ConfirmationMethod string            `json:"confirmation_method"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	Description        *string           `json:"description"`
	LastPaymentError   *Error            `json:"last_payment_error"`
	LatestCharge       *string           `json:"latest_charge"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	NextAction         *NextAction       `json:"next_action"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	Status             string            `json:"status"`
}

// ExpandedIntent is a PaymentIntent with its latest charge in place of the charge's id.
type ExpandedIntent struct {
	*Intent
	LatestCharge *Charge `json:"latest_charge"`
}

// NextAction is what the buyer must do: open the bank's page.
type NextAction struct {
	Type          string `json:"type"`
	RedirectToURL struct {
		ReturnURL *string `json:"return_url"`
		URL       string  `json:"url"`
	} `json:"redirect_to_url"`
}

// Charge is one attempt to charge a card: declined, authorised, captured or refunded.
type Charge struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"`
	Captured       bool              `json:"captured"`
	Created        int64             `json:"created"`
	Currency       string            `json:"currency"`
	Disputed       bool              `json:"disputed"`
	FailureCode    *string           `json:"failure_code"`
	FailureMessage *string           `json:"failure_message"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Paid           bool              `json:"paid"`
	PaymentIntent  string            `json:"payment_intent"`
	PaymentMethod  string            `json:"payment_method"`
	Refunded       bool              `json:"refunded"`
	Status         string            `json:"status"`
	Details        struct {
		Card struct {
			Brand string `json:"brand"`
			Last4 string `json:"last4"`
			// CaptureBefore is when an uncaptured authorisation expires.
			CaptureBefore int64 `json:"capture_before,omitempty"`
		} `json:"card"`
		Type string `json:"type"`
	} `json:"payment_method_details"`
}

// Refund of a charge, full or partial.
type Refund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	FailureReason string            `json:"failure_reason,omitempty"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent string            `json:"payment_intent"`
	Reason        *string           `json:"reason"`
	Status        string            `json:"status"`
}

// Dispute of a charge: the cardholder claims the money back from the bank.
type Dispute struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	Livemode      bool              `json:"livemode"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent string            `json:"payment_intent"`
	Reason        string            `json:"reason"`
	Status        string            `json:"status"`
}

// Event reports a change of one object. Data.Object is the object at that time.
type Event struct {
	ID              string       `json:"id"`
	Object          string       `json:"object"`
	APIVersion      string       `json:"api_version"`
	Created         int64        `json:"created"`
	Data            EventData    `json:"data"`
	Livemode        bool         `json:"livemode"`
	PendingWebhooks int          `json:"pending_webhooks"`
	Request         EventRequest `json:"request"`
	Type            string       `json:"type"`

	// delivered tells for each endpoint that wants the event whether it has received it. As long as one has not, delivery_success
	// is false.
	delivered map[string]bool
}

// EventData has the object.
type EventData struct {
	Object any `json:"object"`
}

// EventRequest is the request that caused the event.
type EventRequest struct {
	ID             *string `json:"id"`
	IdempotencyKey *string `json:"idempotency_key"`
}

// List is a page of objects.
type List[T any] struct {
	Object  string `json:"object"`
	Data    []T    `json:"data"`
	HasMore bool   `json:"has_more"`
	URL     string `json:"url"`
}

// Error is Stripe's error response. HTTPStatus is not part of the JSON.
type Error struct {
	HTTPStatus  int    `json:"-"`
	Charge      string `json:"charge,omitempty"`
	Code        string `json:"code,omitempty"`
	DeclineCode string `json:"decline_code,omitempty"`
	Message     string `json:"message"`
	Param       string `json:"param,omitempty"`
	// PaymentIntent is an *Intent, or a BrowserIntent for a publishable key; nil if the error concerns none.
	PaymentIntent any    `json:"payment_intent,omitempty"`
	Type          string `json:"type"`
}

// Error implements error.
func (e *Error) Error() string { return e.Type + " " + e.Code + ": " + e.Message }

// Types of errors.
const (
	TypeInvalidRequest = "invalid_request_error"
	TypeCard           = "card_error"
	TypeAPI            = "api_error"
	TypeIdempotency    = "idempotency_error"
)
