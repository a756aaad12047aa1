package topology

import "strings"

// IsSecret says whether the value of a reference is a secret. A deployment gives a function the ARN of such a value and never the
// value itself: see contracts/secrets.
func IsSecret(reference string) bool {
	return strings.HasPrefix(reference, "secret:") || strings.HasSuffix(reference, "Password")
}
