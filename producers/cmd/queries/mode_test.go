package main

import (
	"strings"
	"testing"

	"boxoffice/producers/internal/boottest"
)

// Every buyer's browser gets the publishable key: a key of the other mode confirms no payment of ours, and a secret key must
// never be shown.
func TestQueriesStartsOnlyWithPublishableKeyOfItsMode(t *testing.T) {
	for _, c := range []struct{ mode, key, says string }{
		{"test", "pk_test_c4n4ry", ""}, {"live", "pk_live_c4n4ry", ""},
		{"test", "pk_live_c4n4ry", "STRIPE_PUBLISHABLE_KEY: the key is of mode live"}, {"live", "pk_test_c4n4ry", "STRIPE_PUBLISHABLE_KEY: the key is of mode test"},
		{"test", "sk_test_c4n4ry", "STRIPE_PUBLISHABLE_KEY: the key is of another kind"}, {"live", "rk_live_c4n4ry", "STRIPE_PUBLISHABLE_KEY: the key is of another kind"},
		{"staging", "pk_test_c4n4ry", "PAYMENT_MODE"}, {"", "pk_test_c4n4ry", "PAYMENT_MODE"},
	} {
		err := boottest.Start(t, wire, map[string]string{"PAYMENT_MODE": c.mode, "STRIPE_PUBLISHABLE_KEY": c.key})
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "c4n4ry")) {
			t.Errorf("%s in mode %q: %v, want %q", c.key, c.mode, err, c.says)
		}
	}
}
