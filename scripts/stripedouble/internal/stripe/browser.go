package stripe

// BrowserIntent is a PaymentIntent as a publishable key reads it: the members that Stripe's reference marks as retrievable with a
// publishable key, which are those of PaymentIntent in the types of Stripe.js. Only the merchant may read the authorised and
// received amounts, the charge and the metadata.
type BrowserIntent struct {
	ID                 string      `json:"id"`
	Object             string      `json:"object"`
	Amount             int64       `json:"amount"`
	CanceledAt         *int64      `json:"canceled_at"`
	CancellationReason *string     `json:"cancellation_reason"`
	CaptureMethod      string      `json:"capture_method"`
	ClientSecret       string      `json:"client_secret"`
	ConfirmationMethod string      `json:"confirmation_method"`
	Created            int64       `json:"created"`
	Currency           string      `json:"currency"`
	Description        *string     `json:"description"`
	LastPaymentError   *Error      `json:"last_payment_error"`
	Livemode           bool        `json:"livemode"`
	NextAction         *NextAction `json:"next_action"`
	PaymentMethod      *string     `json:"payment_method"`
	PaymentMethodTypes []string    `json:"payment_method_types"`
	Status             string      `json:"status"`
}

// ForBrowser returns the part of a PaymentIntent that a publishable key may read.
func ForBrowser(i *Intent) BrowserIntent {
	return BrowserIntent{
		ID: i.ID, Object: i.Object, Amount: i.Amount, CanceledAt: i.CanceledAt, CancellationReason: i.CancellationReason,
		CaptureMethod: i.CaptureMethod, ClientSecret: i.ClientSecret, ConfirmationMethod: i.ConfirmationMethod, Created: i.Created,
		Currency: i.Currency, Description: i.Description, LastPaymentError: i.LastPaymentError, Livemode: i.Livemode,
		NextAction: i.NextAction, PaymentMethod: i.PaymentMethod, PaymentMethodTypes: i.PaymentMethodTypes, Status: i.Status,
	}
}

// ErrorForBrowser returns an error as a publishable key may read it. The original stays unchanged.
func ErrorForBrowser(e *Error) *Error {
	i, ok := e.PaymentIntent.(*Intent)
	if !ok {
		return e
	}
	shown := *e
	shown.PaymentIntent = ForBrowser(i)
	return &shown
}

// BySecret retrieves a PaymentIntent for a browser.
func (a *Account) BySecret(id, secret string) (BrowserIntent, *Error) {
	i, problem := a.Intent(id)
	if problem != nil {
		return BrowserIntent{}, problem
	}
	if problem := checkSecret(i, secret); problem != nil {
		return BrowserIntent{}, problem
	}
	return ForBrowser(i), nil
}

// checkSecret returns an error unless secret is the client secret of the intent.
func checkSecret(i *Intent, secret string) *Error {
	switch secret {
	case i.ClientSecret:
		return nil
	case "":
		return InvalidParam("parameter_missing", "client_secret", "Missing required param: client_secret.")
	default:
		return InvalidParam("payment_intent_invalid_parameter", "client_secret", "The client_secret provided does not match the client_secret associated with the PaymentIntent.")
	}
}
