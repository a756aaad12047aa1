package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"
)

// traceForm is the root of an X-Ray trace header. What may follow it is left out: a client can write anything there, and the
// trace goes into each log line and message.
var traceForm = regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?:;|$)`)

// rootLength is that of a root without what follows.
const rootLength = len("Root=1-") + 8 + 1 + 24

// traceOf is the trace of a request: the root of the header where that has its form, else a new one. The new one is made
// from the gateway's id of the request, which is unique, so that it needs no source of randomness.
func traceOf(header, requestID string, now time.Time) string {
	if traceForm.MatchString(header) {
		return header[:rootLength]
	}
	sum := sha256.Sum256([]byte(requestID))
	return fmt.Sprintf("Root=1-%08x-%s", uint32(now.Unix()), hex.EncodeToString(sum[:12])) //nolint:gosec // the form has 32 bits until 2106
}
