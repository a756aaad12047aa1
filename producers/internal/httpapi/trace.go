package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"
)

// traceForm matches the root of an X-Ray trace header. What follows the root is dropped: a client can write anything there, and
// the trace goes into each log line and message.
var traceForm = regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?:;|$)`)

// rootLength is the length of a root in bytes.
const rootLength = len("Root=1-") + 8 + 1 + 24

// TraceOf returns the trace of a request: the root of the header if it has one, else a new root. The new one is made from the
// gateway's unique id of the request, so that it needs no source of randomness.
func TraceOf(header, requestID string, now time.Time) string {
	if traceForm.MatchString(header) {
		return header[:rootLength]
	}
	sum := sha256.Sum256([]byte(requestID))
	return fmt.Sprintf("Root=1-%08x-%s", uint32(now.Unix()), hex.EncodeToString(sum[:12])) //nolint:gosec // the form has 32 bits until 2106
}
