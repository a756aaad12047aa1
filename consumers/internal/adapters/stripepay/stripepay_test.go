package stripepay_test

import (
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/stripepay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/paymenttest"
)

func TestMain(m *testing.M) { os.Exit(paymenttest.Run(m)) }

// The promises over HTTP, with the double in place of Stripe.
func TestConformance(t *testing.T) {
	paymenttest.Exercise(t, func(t *testing.T) paymenttest.Backend {
		double := paymenttest.Double(t)
		return double.Backend(stripepay.New(stripepay.Options{
			Key: paymenttest.SecretKey, Base: double.Base, TimeoutPerCall: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		}, retry.NoBreaker{}, slog.New(slog.DiscardHandler)))
	})
}
