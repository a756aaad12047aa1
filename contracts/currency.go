package contracts

import (
	"errors"
	"fmt"
	"strings"
)

// Currency says how the amounts of a currency are counted here and in calls to Stripe.
//
// Source: Stripe's page "Supported currencies" (docs.stripe.com/currencies), sections on presentment currencies, minor units,
// special cases and minimum and maximum amounts.
type Currency struct {
	// Code is the ISO 4217 code.
	Code string
	// Exponent is the number of digits of Money.Minor behind the decimal point of the amount that a buyer sees: 2 for EUR, 0
	// for JPY, 3 for KWD.
	Exponent int
	// StripeFactor times Money.Minor is the amount in a call to Stripe. It is 100 for ISK and UGX, and 1 for all others. ISK
	// and UGX have no minor unit, but Stripe expects them as if they had two digits: without the factor the buyer would pay a
	// hundredth of the price.
	StripeFactor int64
	// StripeStep divides every amount that Stripe accepts: 10 for currencies with three digits, whose last digit must be 0;
	// 100 for ISK and UGX; 1 for all others.
	StripeStep int64
	// StripeMinimum is the smallest amount that Stripe charges, counted as Stripe counts. Stripe names no minimum for some
	// currencies; for those it is StripeStep, and the minimum of the account's payout currency applies, which only Stripe knows.
	StripeMinimum int64
}

// MaxStripeAmount is the largest amount that Stripe accepts in every currency: eight digits. It accepts more in a few.
const MaxStripeAmount = 99_999_999

// ErrNotChargeable means that Stripe would refuse to charge an amount.
var ErrNotChargeable = errors.New("amount cannot be charged")

// Currencies in which cards can be charged, by the number of digits of their minor unit.
const (
	twoDigits = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP CRC CVE CZK " +
		"DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL " +
		"MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK " +
		"SGD SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD YER ZAR ZMW"
	noDigits      = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
	noDigitsTimes = "ISK UGX" // Stripe counts them with two zeros behind
	threeDigits   = "BHD JOD KWD OMR TND"
)

// minimums are those that Stripe publishes, counted as Stripe counts.
var minimums = map[string]int64{
	"AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400,
	"HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50,
	"THB": 1000, "USD": 50,
}

var currencies = func() map[string]Currency {
	all := map[string]Currency{}
	add := func(codes string, exponent int, factor, step int64) {
		for code := range strings.FieldsSeq(codes) {
			all[code] = Currency{Code: code, Exponent: exponent, StripeFactor: factor, StripeStep: step, StripeMinimum: max(minimums[code], step)}
		}
	}
	add(twoDigits, 2, 1, 1)
	add(noDigits, 0, 1, 1)
	add(noDigitsTimes, 0, 100, 100)
	add(threeDigits, 3, 1, 10)
	return all
}()

// CurrencyOf returns the currency of an ISO 4217 code in capitals. known is false for a currency in which cards cannot be
// charged.
func CurrencyOf(code string) (c Currency, known bool) {
	c, known = currencies[code]
	return c, known
}

// StripeAmount returns the amount and the currency code (in lower case) of a call to Stripe that charges m. Its error wraps
// ErrNotChargeable and names the rule that m breaks.
func (m Money) StripeAmount() (amount int64, currency string, err error) {
	c, known := currencies[m.Currency]
	if !known {
		return 0, "", fmt.Errorf("%w: %q is no currency in which cards can be charged", ErrNotChargeable, m.Currency)
	}
	// The amount is compared before it is multiplied, so that nothing overflows.
	switch {
	case m.Minor > MaxStripeAmount/c.StripeFactor:
		return 0, "", fmt.Errorf("%w: %d %s is more than the greatest amount, %d", ErrNotChargeable, m.Minor, m.Currency, MaxStripeAmount/c.StripeFactor)
	case m.Minor < 1 || m.Minor*c.StripeFactor < c.StripeMinimum:
		return 0, "", fmt.Errorf("%w: %d %s is less than the least amount, %d", ErrNotChargeable, m.Minor, m.Currency, ceilDiv(c.StripeMinimum, c.StripeFactor))
	case m.Minor*c.StripeFactor%c.StripeStep != 0:
		return 0, "", fmt.Errorf("%w: %d %s is no multiple of %d", ErrNotChargeable, m.Minor, m.Currency, c.StripeStep)
	}
	return m.Minor * c.StripeFactor, strings.ToLower(c.Code), nil
}

// IsStripeAmount reports whether an amount and a currency from Stripe mean exactly m.
func (m Money) IsStripeAmount(amount int64, currency string) bool {
	wanted, code, err := m.StripeAmount()
	return err == nil && amount == wanted && strings.EqualFold(currency, code)
}

// MoneyFromStripe is the inverse of StripeAmount. It also accepts amounts that Stripe would not charge, such as 0. It fails
// for an amount that Money cannot hold: the currency is unknown, or the amount has a fraction of a minor unit.
func MoneyFromStripe(amount int64, currency string) (Money, error) {
	code := strings.ToUpper(currency)
	c, known := currencies[code]
	switch {
	case !known:
		return Money{}, fmt.Errorf("currency %q is unknown", currency)
	case amount%c.StripeFactor != 0:
		return Money{}, fmt.Errorf("amount %d of %s is no whole number of its units", amount, code)
	}
	return Money{Minor: amount / c.StripeFactor, Currency: code}, nil
}

// CheckPrice returns an error unless every order of 1 to seats seats at the price m can be charged: one seat costs at least
// the smallest amount, and all seats together cost at most the largest.
func (m Money) CheckPrice(seats int) error {
	if _, _, err := m.StripeAmount(); err != nil {
		return err
	}
	if seats > 1 && m.Minor > MaxStripeAmount/int64(seats) {
		return fmt.Errorf("%w: %d seats at %d %s are more than the greatest amount, %d", ErrNotChargeable, seats, m.Minor, m.Currency, MaxStripeAmount)
	}
	_, _, err := Money{Minor: m.Minor * int64(max(seats, 1)), Currency: m.Currency}.StripeAmount()
	return err
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
