package queries

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
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
	tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	headers["ETag"] = tag
	if matchesTag(r.Header("If-None-Match"), tag) {
		return httpapi.NotModified(headers)
	}
	// at is the last member.
	return httpapi.Encoded(http.StatusOK, string(body[:len(body)-1])+`,"at":"`+contracts.InstantOf(at).String()+`"}`, headers)
}
