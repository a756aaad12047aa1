package queries

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/producers/internal/httpapi"
)

// aged answers with a JSON object that says how old it is: at is when its source was read. The ETag is the version: it depends on
// all but at, so it is weak. A client that has the version gets 304 without a body.
func aged(r httpapi.Request, view any, at time.Time, headers httpapi.Headers) httpapi.Response {
	body, err := json.Marshal(view)
	if err != nil {
		return httpapi.NewProblem(httpapi.CodeInternal, "The answer could not be made.").Response("")
	}
	sum := sha256.Sum256(body)
	// at is the last member.
	return tagged(r, weakTag(sum[:]), string(body[:len(body)-1])+`,"at":"`+contracts.InstantOf(at).String()+`"}`, headers)
}

// weakTag returns an ETag of a SHA-256: weak, since bodies with one tag may differ in their age.
func weakTag(sum []byte) string { return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"` }

// tagged answers with an encoded body, or with 304 if the client has what the tag names.
func tagged(r httpapi.Request, tag, body string, headers httpapi.Headers) httpapi.Response {
	headers["ETag"] = tag
	if matchesTag(r.Header("If-None-Match"), tag) {
		return httpapi.NotModified(headers)
	}
	return httpapi.Encoded(http.StatusOK, body, headers)
}

// matchesTag compares weakly, as RFC 9110 requires for If-None-Match.
func matchesTag(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == strings.TrimPrefix(tag, "W/") || candidate == "*" {
			return true
		}
	}
	return false
}
