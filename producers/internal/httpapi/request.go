package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/message"
	"boxoffice/contracts/tokenkeys"
)

// Request is an HTTP API request of payload format 2.0.
type Request struct {
	events.APIGatewayV2HTTPRequest
}

// MaxBodyBytes bounds every body except a webhook's.
const MaxBodyBytes = 8 << 10

// UserID returns the subject of the token that the authorizer has verified. It is "" if the route has no token, and for a subject
// that no message can carry, or a token that is no access token: such a token is refused.
func (r Request) UserID() string {
	if a := r.RequestContext.Authorizer; a != nil && a.JWT != nil && message.ValidUserID(a.JWT.Claims["sub"]) && r.hasAccessToken() {
		return a.JWT.Claims["sub"]
	}
	return ""
}

// RequireUser returns UserID, or the problem of a request whose token names no user.
func (r Request) RequireUser() (string, error) {
	user := r.UserID()
	if user == "" {
		return "", NewProblem(CodeUnauthorized, "The token names no user.")
	}
	return user, nil
}

// hasAccessToken reports whether the token, which the authorizer has verified, is of the type of access tokens. API Gateway does
// not look at the type.
func (r Request) hasAccessToken() bool {
	token := r.Header("Authorization")
	if token == "" {
		return true // the authorizer reads the token from this header, so on AWS it is there
	}
	if i := strings.LastIndexByte(token, ' '); i >= 0 {
		token = token[i+1:]
	}
	encoded, _, _ := strings.Cut(token, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	var header struct {
		Type string `json:"typ"`
	}
	return err == nil && json.Unmarshal(decoded, &header) == nil && strings.EqualFold(strings.TrimPrefix(header.Type, "application/"), tokenkeys.Type)
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
