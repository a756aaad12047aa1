package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Response is an HTTP API response of payload format 2.0.
type Response = events.APIGatewayV2HTTPResponse

// Headers are the headers of one answer.
type Headers map[string]string

// JSON makes an answer with a body. A body that cannot be encoded is a mistake of ours and makes a 500.
func JSON(status int, body any, headers Headers) Response {
	encoded, err := json.Marshal(body)
	if err != nil {
		return NewProblem(CodeInternal, "The answer could not be made.").Response("")
	}
	return Encoded(status, string(encoded), headers)
}

// Encoded makes an answer whose body is JSON already. headers may override Content-Type and Cache-Control.
func Encoded(status int, body string, headers Headers) Response {
	h := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}
	for name, value := range headers {
		h[name] = value
	}
	return Response{StatusCode: status, Headers: h, Body: body}
}

// File makes an answer that a browser stores under a name. It is one buyer's own, and nobody may keep it. name needs no quoting.
func File(mediaType, name string, content []byte) Response {
	return Response{
		StatusCode: http.StatusOK, IsBase64Encoded: true, Body: base64.StdEncoding.EncodeToString(content),
		Headers: map[string]string{"Content-Type": mediaType, "Content-Disposition": `attachment; filename="` + name + `"`, "Cache-Control": "no-store"},
	}
}

// NotModified makes a 304.
func NotModified(headers Headers) Response {
	return Response{StatusCode: http.StatusNotModified, Headers: headers}
}

// retryAfterMs is the wait of a 503 that has none of its own.
const retryAfterMs = 1000

// reference encodes a path, which the gateway sends decoded, as a URI reference. Two slashes at its beginning would name a host.
func reference(path string) string {
	if path == "" {
		return ""
	}
	return (&url.URL{Path: "/" + strings.TrimLeft(path, "/")}).EscapedPath()
}

// Response makes the answer of a problem. instance is the path of the request.
func (p *Problem) Response(instance string) Response {
	p.Instance = reference(instance)
	headers := Headers{"Content-Type": "application/problem+json"}
	if p.allow != "" {
		headers["Allow"] = p.allow
	}
	if p.Status == http.StatusUnauthorized {
		headers["WWW-Authenticate"] = "Bearer" // as the gateway's own 401
	}
	if p.Status == http.StatusServiceUnavailable && p.PollAfterMs == nil {
		wait := retryAfterMs
		p.PollAfterMs = &wait
	}
	if p.PollAfterMs != nil {
		headers["Retry-After"] = RetryAfter(*p.PollAfterMs)
	}
	if p.retryIn > 0 {
		headers["Retry-After"] = RetryAfter(int(p.retryIn.Milliseconds()))
	}
	response := JSON(p.Status, p, headers)
	response.Cookies = p.cookies
	return response
}

// NoContent makes a 204.
func NoContent() Response {
	return Response{StatusCode: http.StatusNoContent, Headers: Headers{"Cache-Control": "no-store"}}
}

// RetryAfter returns the value of the header: whole seconds, rounded up, at least 1.
func RetryAfter(pollAfterMs int) string { return strconv.Itoa(max(1, (pollAfterMs+999)/1000)) }
