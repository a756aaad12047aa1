package httpapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Request is an HTTP API request of payload format 2.0.
type Request struct {
	events.APIGatewayV2HTTPRequest
}

// MaxBodyBytes bounds every body but a webhook's.
const MaxBodyBytes = 8 << 10

// UserID is the subject of the token that the authorizer has verified, "" if the route has none.
func (r Request) UserID() string {
	if a := r.RequestContext.Authorizer; a != nil && a.JWT != nil {
		return a.JWT.Claims["sub"]
	}
	return ""
}

// Header is a header's value, "" if it is absent. API Gateway gives the names in lower case.
func (r Request) Header(name string) string { return r.Headers[strings.ToLower(name)] }

// Decode reads the body strictly into v: at most 8 KB, application/json, valid UTF-8 JSON, no unknown and no duplicate
// member, every value of its type. The problem names the place.
func (r Request) Decode(v any) *Problem {
	body, problem := r.Bytes(MaxBodyBytes, CodeInvalidJSON)
	if problem != nil {
		return problem
	}
	media, params, err := mime.ParseMediaType(r.Header("Content-Type"))
	if err != nil || media != "application/json" || (params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) {
		return NewProblem(CodeUnsupportedMediaType, "Content-Type must be application/json.")
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return decodeProblem(err)
	}
	return nil
}

// Bytes is the body as it was sent, of at most limit bytes. unreadable is the code of one that is not the base64 that the
// gateway says it is.
func (r Request) Bytes(limit int, unreadable string) ([]byte, *Problem) {
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

// decodeProblem tells what is wrong with the JSON itself from what is wrong with a value in it.
func decodeProblem(err error) *Problem {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		detail := "The body is not valid JSON."
		if errors.Is(err, jsontext.ErrDuplicateName) {
			detail = "A member is there twice."
		}
		return NewProblem(CodeInvalidJSON, detail).At(string(syntactic.JSONPointer))
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		if errors.Is(err, json.ErrUnknownName) {
			return NewProblem(CodeInvalidJSON, "A member is not known.").At(string(semantic.JSONPointer))
		}
		return NewProblem(CodeInvalidRequest, "A value is not of its type.").At(string(semantic.JSONPointer))
	}
	return NewProblem(CodeInvalidJSON, "The body is not valid JSON.").At("")
}
