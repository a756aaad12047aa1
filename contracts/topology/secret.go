package topology

import "strings"

// IsSecret reports whether the value of a reference is a secret. A deployment gives a function the ARN of a secret, never its
// value: see contracts/secrets.
func IsSecret(reference string) bool {
	return strings.HasPrefix(reference, "secret:") || strings.HasSuffix(reference, "Password")
}
