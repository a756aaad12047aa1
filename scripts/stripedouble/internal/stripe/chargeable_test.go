package stripe

import "testing"

// The double refuses what Stripe refuses, so that nothing works here that fails there.
func TestChargeable(t *testing.T) {
	for _, c := range []struct {
		amount         int64
		currency, code string
		ok             bool
	}{
		{50, "eur", "", true}, {49, "eur", "amount_too_small", false}, {0, "eur", "parameter_invalid_integer", false},
		{30, "gbp", "", true}, {29, "gbp", "amount_too_small", false}, {17_499, "huf", "amount_too_small", false},
		{99_999_999, "eur", "", true}, {100_000_000, "eur", "amount_too_large", false},
		{5120, "kwd", "", true}, {5124, "kwd", "", false}, {500, "isk", "", true}, {550, "isk", "", false}, {50, "jpy", "", true},
		{5000, "xxx", "", false}, {5000, "EUR", "", false}, {5000, "", "", false},
	} {
		problem := chargeable(c.amount, c.currency)
		if (problem == nil) != c.ok || problem != nil && problem.Code != c.code {
			t.Errorf("%d %s: %+v", c.amount, c.currency, problem)
		}
	}
}
