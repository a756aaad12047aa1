package contracts

import (
	"errors"
	"fmt"
)

// Money is an amount in minor units (cents) of an ISO 4217 currency. It is always an integer; no float ever holds money.
type Money struct {
	Minor    int64  `json:"minor" dynamodbav:"minor"`
	Currency string `json:"currency" dynamodbav:"currency"`
}

// ErrCurrencyMismatch is returned when amounts of two currencies are added.
var ErrCurrencyMismatch = errors.New("amounts of different currencies cannot be added")

// Add returns the sum. Adding to the zero Money takes the other's currency.
func (m Money) Add(o Money) (Money, error) {
	if m == (Money{}) {
		return o, nil
	}
	if m.Currency != o.Currency {
		return Money{}, fmt.Errorf("%s and %s: %w", m.Currency, o.Currency, ErrCurrencyMismatch)
	}
	return Money{Minor: m.Minor + o.Minor, Currency: m.Currency}, nil
}
