package contracts_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"boxoffice/contracts"
)

func TestStripeAmount(t *testing.T) {
	for _, c := range []struct {
		money    contracts.Money
		amount   int64 // 0: not chargeable
		saysThat string
	}{
		{contracts.Money{Minor: 4500, Currency: "EUR"}, 4500, ""},
		{contracts.Money{Minor: 50, Currency: "EUR"}, 50, ""},
		{contracts.Money{Minor: 49, Currency: "EUR"}, 0, "least amount, 50"},
		{contracts.Money{Minor: 30, Currency: "GBP"}, 30, ""},
		{contracts.Money{Minor: 0, Currency: "EUR"}, 0, "least"},
		{contracts.Money{Minor: -4500, Currency: "EUR"}, 0, "least"},
		{contracts.Money{Minor: math.MinInt64, Currency: "EUR"}, 0, "least"},
		{contracts.Money{Minor: math.MinInt64/50 + 1, Currency: "ISK"}, 0, "least"},
		{contracts.Money{Minor: 99_999_999, Currency: "USD"}, 99_999_999, ""},
		{contracts.Money{Minor: 100_000_000, Currency: "USD"}, 0, "greatest"},
		{contracts.Money{Minor: math.MaxInt64, Currency: "UGX"}, 0, "greatest"},
		{contracts.Money{Minor: 5000, Currency: "JPY"}, 5000, ""},
		{contracts.Money{Minor: 49, Currency: "JPY"}, 0, "least"},
		{contracts.Money{Minor: 17_499, Currency: "HUF"}, 0, "least"},
		{contracts.Money{Minor: 5000, Currency: "ISK"}, 500_000, ""},
		{contracts.Money{Minor: 1, Currency: "UGX"}, 100, ""},
		{contracts.Money{Minor: 1_000_000, Currency: "ISK"}, 0, "greatest"},
		{contracts.Money{Minor: 5120, Currency: "KWD"}, 5120, ""},
		{contracts.Money{Minor: 5124, Currency: "KWD"}, 0, "multiple of 10"},
		{contracts.Money{Minor: 5000, Currency: "eur"}, 0, "no currency"},
		{contracts.Money{Minor: 5000, Currency: "XXX"}, 0, "no currency"},
		{contracts.Money{Minor: 5000}, 0, "no currency"},
	} {
		amount, currency, err := c.money.StripeAmount()
		switch {
		case c.amount == 0:
			if !errors.Is(err, contracts.ErrNotChargeable) || !strings.Contains(err.Error(), c.saysThat) {
				t.Errorf("%v: %d, %v; want an error that says %q", c.money, amount, err, c.saysThat)
			}
		case err != nil || amount != c.amount || currency != strings.ToLower(c.money.Currency):
			t.Errorf("%v: %d %s, %v; want %d", c.money, amount, currency, err, c.amount)
		default:
			if !c.money.IsStripeAmount(amount, currency) || !c.money.IsStripeAmount(amount, strings.ToUpper(currency)) || c.money.IsStripeAmount(amount+1, currency) || c.money.IsStripeAmount(amount, "xxx") {
				t.Errorf("IsStripeAmount confuses %v with other amounts", c.money)
			}
			if back, err := contracts.MoneyFromStripe(amount, currency); err != nil || back != c.money {
				t.Errorf("%v is converted back to %v, %v", c.money, back, err)
			}
		}
	}
}

func TestMoneyFromStripe(t *testing.T) {
	for _, c := range []struct {
		amount   int64
		currency string
		want     contracts.Money
		fails    bool
	}{
		{0, "eur", contracts.Money{Minor: 0, Currency: "EUR"}, false},
		{12, "EUR", contracts.Money{Minor: 12, Currency: "EUR"}, false},
		{500_000, "isk", contracts.Money{Minor: 5000, Currency: "ISK"}, false},
		{500_050, "isk", contracts.Money{}, true},
		{100, "xyz", contracts.Money{}, true},
		{100, "", contracts.Money{}, true},
	} {
		got, err := contracts.MoneyFromStripe(c.amount, c.currency)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%d %s: %v, %v; want %v", c.amount, c.currency, got, err, c.want)
		}
	}
}

func TestCheckPrice(t *testing.T) {
	for _, c := range []struct {
		price contracts.Money
		seats int
		ok    bool
	}{
		{contracts.Money{Minor: 4500, Currency: "EUR"}, 8, true},
		{contracts.Money{Minor: 30, Currency: "EUR"}, 8, false}, // two seats could be charged, one could not
		{contracts.Money{Minor: 12_499_999, Currency: "EUR"}, 8, true},
		{contracts.Money{Minor: 12_500_000, Currency: "EUR"}, 8, false},
		{contracts.Money{Minor: 125_000, Currency: "ISK"}, 8, false},
		{contracts.Money{Minor: 124_999, Currency: "ISK"}, 8, true},
		{contracts.Money{Minor: math.MaxInt64 / 2, Currency: "EUR"}, 8, false},
		{contracts.Money{Minor: 10_005, Currency: "TND"}, 2, false}, // the sum would do, one seat would not
	} {
		if err := c.price.CheckPrice(c.seats); (err == nil) != c.ok {
			t.Errorf("%d seats at %v: %v", c.seats, c.price, err)
		}
	}
}

// Each code is three capitals, its numbers are usable, and the minimums name known currencies.
func TestCurrencyTable(t *testing.T) {
	codes := contracts.CurrencyCodes()
	if len(codes) < 135 {
		t.Errorf("%d currencies", len(codes))
	}
	for _, code := range codes {
		c, known := contracts.CurrencyOf(code)
		if !known || c.Code != code || len(code) != 3 || code != strings.ToUpper(code) {
			t.Errorf("%s: %+v, %t", code, c, known)
		}
		if c.StripeMinimum < 1 || c.StripeMinimum%c.StripeStep != 0 || c.StripeFactor < 1 {
			t.Errorf("%+v cannot be charged", c)
		}
	}
	for code, want := range map[string]int{"EUR": 2, "JPY": 0, "ISK": 0, "UGX": 0, "KWD": 3, "HUF": 2, "MGA": 0} {
		if c, _ := contracts.CurrencyOf(code); c.Exponent != want {
			t.Errorf("%s has %d digits, want %d", code, c.Exponent, want)
		}
	}
}
