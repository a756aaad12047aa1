package httpapi

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/message"
)

// Request is an HTTP API request of payload format 2.0.
type Request struct {
	events.APIGatewayV2HTTPRequest
}

// MaxBodyBytes bounds every body except a webhook's.
const MaxBodyBytes = 8 << 10

// UserID returns the subject of the token that the authorizer has verified. It is "" if the route has no token, and for a subject
// that no message can carry: such a token is refused.
func (r Request) UserID() string {
	if a := r.RequestContext.Authorizer; a != nil && a.JWT != nil && message.ValidUserID(a.JWT.Claims["sub"]) {
		return a.JWT.Claims["sub"]
	}
	return ""
}

// Header returns a header's value, "" if it is absent. API Gateway sends the names in lower case.
func (r Request) Header(name string) string { return r.Headers[strings.ToLower(name)] }

// Bytes returns the body as it was sent, at most limit bytes. unreadable is the code for a body that the gateway marks as base64
// and that is not. The error is a *Problem.
func (r Request) Bytes(limit int, unreadable string) ([]byte, error) {
	tooLarge := NewProblem(CodeBodyTooLarge, fmt.Sprintf("The body may have at most %d bytes.", limit))
	if len(r.Body) > base64.StdEncoding.EncodedLen(limit) {
		return nil, tooLarge
	}
	body := []byte(r.Body)
	if r.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(r.Body)
		if err != nil {
			return nil, NewProblem(unreadable, "The body cannot be read.").At("")
		}
		body = decoded
	}
	if len(body) > limit {
		return nil, tooLarge
	}
	return body, nil
}
