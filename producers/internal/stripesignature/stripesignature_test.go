package stripesignature_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stripe/stripe-go/v76"
	signing "github.com/stripe/stripe-go/v76/webhook"

	"boxoffice/contracts/stripeevent"
	"boxoffice/producers/internal/stripesignature"
	"boxoffice/producers/internal/webhook"
)

const (
	newest = "whsec_of_these_tests"
	older  = "whsec_before_that"
	body   = `{"object":"event"}`
)

func sign(secret, payload string, age time.Duration) string {
	return signing.GenerateTestSignedPayload(&signing.UnsignedPayload{Payload: []byte(payload), Secret: secret, Timestamp: time.Now().Add(-age)}).Header
}

// In a bubble the clock stands still, so that ages are exact.
func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := stripesignature.New(newest + "," + older)
		if err != nil {
			t.Fatal(err)
		}
		good := sign(newest, body, 0)
		_, v1, _ := strings.Cut(good, ",")
		for name, test := range map[string]struct {
			header string
			want   error
		}{
			"of the newest secret":               {good, nil},
			"of the secret before":               {sign(older, body, 0), nil},
			"300 s old":                          {sign(newest, body, 300*time.Second), nil},
			"of the secret before, 300 s old":    {sign(older, body, 300*time.Second), nil},
			"301 s old":                          {sign(newest, body, 301*time.Second), webhook.ErrStale},
			"of the secret before, 301 s old":    {sign(older, body, 301*time.Second), webhook.ErrStale},
			"of another secret":                  {sign("whsec_of_somebody_else", body, 0), webhook.ErrForged},
			"of another secret, and old":         {sign("whsec_of_somebody_else", body, time.Hour), webhook.ErrForged},
			"of another body":                    {sign(newest, body+" ", 0), webhook.ErrForged},
			"two, the second good":               {sign("whsec_of_somebody_else", body, 0) + "," + v1, nil},
			"of another scheme":                  {strings.Replace(good, "v1=", "v0=", 1), webhook.ErrForged},
			"with the time of another signature": {"t=1," + v1, webhook.ErrForged},
			"cut short":                          {good[:len(good)-2], webhook.ErrForged},
			"no header":                          {"", webhook.ErrForged},
			"nonsense":                           {"t=,v1", webhook.ErrForged},
		} {
			if err := v.Verify([]byte(body), test.header); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
		}
	})
}

// A secret that anybody could guess, or a key of another kind, ends the start of the process; no error contains its text.
func TestBadSecretsEndTheStart(t *testing.T) {
	for _, secrets := range []string{"", ",", newest + ",", "sk_test_secret", newest + ", " + older, "whsec_", "whsec_a b"} {
		_, err := stripesignature.New(secrets)
		if err == nil || strings.Contains(err.Error(), "secret_") || strings.Contains(err.Error(), "of_these_tests") {
			t.Errorf("%q: %v", secrets, err)
		}
	}
	if _, err := stripesignature.New("a," + newest + ",b"); err == nil || !strings.Contains(err.Error(), "1 of 3") || !strings.Contains(err.Error(), "3 of 3") {
		t.Errorf("not all problems are reported: %v", err)
	}
}

// The library with which the consumers call Stripe uses one version of the API; events are parsed in the same version.
func TestEventsAreReadInTheVersionOfTheLibrary(t *testing.T) {
	if stripeevent.APIVersion != stripe.APIVersion {
		t.Errorf("events are read as of %s, the library is of %s", stripeevent.APIVersion, stripe.APIVersion)
	}
}
