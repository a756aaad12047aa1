package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"boxoffice/contracts/openapi"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// stack is the running stack that the tests speak to.
type stack struct {
	*testbed.Bed
	contract validator.Validator
	layout   apiclient.Layout

	mu sync.Mutex
	// next is the first place of each group that no test has taken yet.
	next map[string]int
}

var openStack = sync.OnceValues(connect)

// theStack is the stack of the environment, or the end of the test with the reason.
func theStack(t *testing.T) *stack {
	t.Helper()
	if os.Getenv("API_BASE_URL") == "" {
		t.Skip("no stack in the environment (API_BASE_URL is not set): run make e2e")
	}
	s, err := openStack()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect() (*stack, error) {
	bed, err := testbed.OpenHere(context.Background())
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		return nil, err
	}
	contract, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	s := &stack{Bed: bed, contract: contract, next: map[string]int{}}
	s.layout, err = s.Layout(context.Background(), s.Concert)
	return s, err
}

// as is a client signed in as the user; every answer that it gets is held to the contract.
func (s *stack) as(t *testing.T, user string) *apiclient.Client {
	t.Helper()
	c, err := s.Buyer(user)
	if err != nil {
		t.Fatal(err)
	}
	return s.with(t, c.Token)
}

// with is a client with this token, "" for none.
func (s *stack) with(t *testing.T, token string) *apiclient.Client {
	return &apiclient.Client{Base: s.API, Token: token, HTTP: s.HTTP, Seen: func(request *http.Request, response *http.Response, body []byte) {
		again := *response
		again.Body = io.NopCloser(bytes.NewReader(body))
		ok, problems := s.contract.ValidateHttpResponse(request, &again)
		if ok {
			return
		}
		for _, p := range problems {
			if p.ValidationType == "path" {
				continue // a route outside the contract; its test looks at the answer itself
			}
			t.Errorf("%s %s answers %d outside the contract: %s: %s\n%.500s", request.Method, request.URL.Path, response.StatusCode, p.Message, p.Reason, body)
			for _, e := range p.SchemaValidationErrors {
				t.Errorf("  %s: %s", e.FieldPath, e.Reason)
			}
		}
	}}
}
