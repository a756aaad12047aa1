package redisclient_test

import (
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/seatstate"
)

// Lags returns what Pace has stored, and nothing for a key that has expired or has no lag in it.
func TestLagsAreThoseThatPaceStores(t *testing.T) {
	client := without(t, seatstate.PaceKey)
	if err := client.Del(t.Context(), seatstate.PaymentLagKey).Err(); err != nil {
		t.Fatal(err)
	}
	lags := redisclient.NewLags(client, retry.NoBreaker{})
	if decisions, payments, err := lags.Lags(t.Context()); decisions != nil || payments != nil || err != nil {
		t.Errorf("without lags: %v, %v, %v", decisions, payments, err)
	}
	for key, text := range map[string]string{seatstate.PaceKey: "350", seatstate.PaymentLagKey: "61000"} {
		if err := client.Set(t.Context(), key, text, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
	decisions, payments, err := lags.Lags(t.Context())
	if err != nil || decisions == nil || *decisions != 350*time.Millisecond || payments == nil || *payments != 61*time.Second {
		t.Errorf("lags %v, %v, %v", decisions, payments, err)
	}
	for _, text := range []string{"x", "-1", "", "99999999999", "1.5"} {
		if behind, known := redisclient.ParseLag(text); known {
			t.Errorf("%q is %s", text, behind)
		}
	}
	_ = client.Close()
	if _, _, err := lags.Lags(t.Context()); err == nil {
		t.Error("without Redis there is no error")
	}
}
