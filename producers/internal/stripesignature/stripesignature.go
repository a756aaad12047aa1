// Package stripesignature says whether Stripe sent a body, by the header Stripe-Signature. Nothing of a body is read
// before that, and nothing of it, of a secret or of a signature is in an error.
package stripesignature

import (
	"errors"
	"fmt"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v76/webhook"

	"boxoffice/producers/internal/webhook"
)

// tolerance is how old a signature may be. Stripe signs each attempt anew, so an older one is somebody's copy.
const tolerance = 300 * time.Second

// secretPrefix begins every signing secret of Stripe's. Another kind of key in its place is a mistake of the deployment.
const secretPrefix = "whsec_"

// Verifier is immutable and safe for concurrent use. The age of a signature is taken by the clock of the process.
type Verifier struct {
	secrets []string
}

// New parses the signing secrets "whsec_…,whsec_…". A body signed with any of them is Stripe's, so a secret can be
// replaced while webhooks of both are on their way.
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

// Verify implements webhook.Signatures. The signature comes first, so that only who can sign is told of its age.
func (v *Verifier) Verify(body []byte, header string) error {
	// The library's ConstructEvent would read the body into its own types as well, and refuse one of another API version.
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
