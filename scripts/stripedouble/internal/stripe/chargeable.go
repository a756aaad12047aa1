package stripe

import (
	"strings"

	"boxoffice/contracts"
)

// chargeable returns the error that Stripe returns for an amount: an unknown currency, too little, too much, or last digits that
// must be 0. Stripe expects currency codes in lower case.
func chargeable(amount int64, currency string) *Error {
	c, known := contracts.CurrencyOf(strings.ToUpper(currency))
	switch {
	case !known || strings.ToLower(currency) != currency:
		return InvalidParam("", "currency", "Invalid currency: %s.", currency)
	case amount < 1:
		return InvalidParam("parameter_invalid_integer", "amount", "This value must be greater than or equal to 1.")
	case amount < c.StripeMinimum:
		return InvalidParam("amount_too_small", "amount", "Amount must be at least %d %s.", c.StripeMinimum, currency)
	case amount > contracts.MaxStripeAmount:
		return InvalidParam("amount_too_large", "amount", "Amount must be no more than %d %s.", contracts.MaxStripeAmount, currency)
	case amount%c.StripeStep != 0:
		return InvalidParam("", "amount", "Invalid amount: amounts in %s are evenly divisible by %d.", currency, c.StripeStep)
	}
	return nil
}
