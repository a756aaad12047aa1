// Package stripesignature verifies the header Stripe-Signature: that Stripe sent a body. It does not parse the body, and no error
// contains any of the body, a secret or a signature.
package stripesignature

import (
	"errors"
	"fmt"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v76/webhook"

	"boxoffice/producers/internal/webhook"
)

// tolerance bounds the age of a signature. Stripe signs each attempt anew, so an older one is a copy that somebody kept.
const tolerance = 300 * time.Second

// secretPrefix begins every signing secret of Stripe. Another kind of key in its place is a mistake of the deployment.
const secretPrefix = "whsec_"

// Verifier is immutable and safe for concurrent use. It measures the age of a signature by the clock of the process.
type Verifier struct {
	secrets []string
}

// New parses the signing secrets "whsec_…,whsec_…". A body that any of them signed is Stripe's, so a secret can be replaced while
// webhooks of both are on their way. The error joins all problems.
func New(secrets string) (*Verifier, error) {
	v := &Verifier{secrets: strings.Split(secrets, ",")}
	var problems []error
	for i, secret := range v.secrets {
		if rest, ok := strings.CutPrefix(secret, secretPrefix); !ok || rest == "" || strings.ContainsAny(rest, " \t\r\n") {
			problems = append(problems, fmt.Errorf("webhook secret %d of %d: not of the form %s…", i+1, len(v.secrets), secretPrefix))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return v, nil
}

// Verify implements webhook.Signatures. It checks the signature before the age, so that only the holder of a secret learns about
// the age.
func (v *Verifier) Verify(body []byte, header string) error {
	// The library's ConstructEvent would also parse the body into its own types, and refuse one of another API version.
	for _, secret := range v.secrets {
		if stripe.ValidatePayloadIgnoringTolerance(body, header, secret) != nil {
			continue
		}
		if stripe.ValidatePayloadWithTolerance(body, header, secret, tolerance) != nil {
			return webhook.ErrStale
		}
		return nil
	}
	return webhook.ErrForged
}
