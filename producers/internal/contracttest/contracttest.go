// Package contracttest checks the answers of handlers against contracts/openapi in unit tests, without a stack.
package contracttest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"boxoffice/contracts/openapi"
	"boxoffice/producers/internal/httpapi"
)

// Contract is the parsed contract. It is not safe for concurrent use.
type Contract struct{ validator validator.Validator }

// New parses the contract.
func New(t testing.TB) *Contract {
	t.Helper()
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return &Contract{validator: v}
}

// Problems returns what violates the contract in an answer to a request, as one text; "" if nothing does.
func (c *Contract) Problems(t testing.TB, method, path string, response httpapi.Response) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer := &http.Response{StatusCode: response.StatusCode, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(response.Body))}
	for name, value := range response.Headers {
		answer.Header.Set(name, value)
	}
	ok, found := c.validator.ValidateHttpResponse(request, answer)
	if ok {
		return ""
	}
	var problems []string
	for _, p := range found {
		problems = append(problems, p.Message+": "+p.Reason)
		for _, e := range p.SchemaValidationErrors {
			problems = append(problems, e.FieldPath+": "+e.Reason)
		}
	}
	return strings.Join(problems, "; ")
}
