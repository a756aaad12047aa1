package main

import (
	"strings"
	"testing"

	"boxoffice/consumers/internal/testkit/boottest"
)

// With a live key in a test environment, tests would take real money; with a test key in a live environment, no buyer would pay.
func TestPayStartsOnlyWithAKeyOfItsMode(t *testing.T) {
	for _, c := range []struct{ mode, key, says string }{
		{"test", "sk_test_c4n4ry", ""}, {"test", "rk_test_c4n4ry", ""}, {"live", "sk_live_c4n4ry", ""}, {"live", "rk_live_c4n4ry", ""},
		{"test", "sk_live_c4n4ry", "STRIPE_SECRET_KEY: the key is of mode live"}, {"test", "rk_live_c4n4ry", "STRIPE_SECRET_KEY: the key is of mode live"},
		{"live", "sk_test_c4n4ry", "STRIPE_SECRET_KEY: the key is of mode test"}, {"live", "rk_test_c4n4ry", "STRIPE_SECRET_KEY: the key is of mode test"},
		{"test", "pk_test_c4n4ry", "STRIPE_SECRET_KEY: the key is of another kind"}, {"test", "c4n4ry", "STRIPE_SECRET_KEY: "},
		{"staging", "sk_test_c4n4ry", "PAYMENT_MODE"}, {"", "sk_test_c4n4ry", "PAYMENT_MODE"}, {"TEST", "sk_test_c4n4ry", "PAYMENT_MODE"},
	} {
		err := boottest.Start(t, wire, map[string]string{"PAYMENT_MODE": c.mode, "STRIPE_SECRET_KEY": c.key})
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "c4n4ry")) {
			t.Errorf("%s in mode %q: %v, want %q", c.key, c.mode, err, c.says)
		}
	}
}
