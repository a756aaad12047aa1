// Package contractcheck holds exchanges with the running API to contracts/openapi: status, headers and body of each response, and
// that no request was accepted that the contract does not allow. It counts which responses of which operations were seen.
package contractcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/paths"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"

	"boxoffice/contracts/openapi"
)

// everywhere are the headers that any response may have beside those of its operation: what HTTP itself needs, and what the API
// gateway and the edge add to each response (the security headers, CORS, the state of the cache).
var everywhere = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Date", "Vary", "Connection", "Transfer-Encoding",
	"Apigw-Requestid", "X-Cache", "Age", "Accept-Ranges", "Allow",
	"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy", "Content-Security-Policy",
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers",
}

// noStore is the Cache-Control of a response for which the contract describes none.
const noStore = "no-store"

// Response names a response of the contract.
type Response struct {
	Operation string
	Status    int
}

func (r Response) String() string { return r.Operation + " " + strconv.Itoa(r.Status) }

// Checker checks exchanges. It is safe for concurrent use.
type Checker struct {
	document  *v3.Document
	validator validator.Validator
	find      *config.ValidationOptions

	mu   sync.Mutex
	seen map[Response]int
}

// New parses the contract.
func New() (*Checker, error) { return parse(openapi.YAML) }

func parse(contract []byte) (*Checker, error) {
	document, err := libopenapi.NewDocument(contract)
	if err != nil {
		return nil, err
	}
	model, err := document.BuildV3Model()
	if err != nil {
		return nil, err
	}
	options := []config.Option{config.WithFormatAssertions(), config.WithContentAssertions(), config.WithRejectUndeclaredRequestBody()}
	v, errs := validator.NewValidator(document, options...)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return &Checker{document: &model.Model, validator: v, find: config.NewValidationOptions(), seen: map[Response]int{}}, nil
}

// Exchange returns what violates the contract, nothing if all is well. The body of the response has been read; that of the
// request is read again.
func (c *Checker) Exchange(request *http.Request, response *http.Response, body []byte) []string {
	item, _, path := paths.FindPath(request, c.document, c.find)
	var operation *v3.Operation
	if item != nil {
		operation, _ = item.GetOperations().Get(strings.ToLower(request.Method))
	}
	switch {
	case operation == nil && request.Method == http.MethodHead && item != nil && item.Get != nil:
		return c.head(item.Get, response, body)
	case operation == nil && response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusMethodNotAllowed:
		return []string{fmt.Sprintf("the contract has no %s %s, and the API answers it with %d", request.Method, request.URL.Path, response.StatusCode)}
	case operation == nil:
		return nil
	}
	problems := c.responseProblems(request, operation, response, body)
	if response.StatusCode < http.StatusBadRequest {
		problems = append(problems, c.requestProblems(request, path)...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[Response{operation.OperationId, response.StatusCode}]++
	return problems
}

func (c *Checker) responseProblems(request *http.Request, operation *v3.Operation, response *http.Response, body []byte) []string {
	again := *response
	again.Body = io.NopCloser(bytes.NewReader(body))
	var problems []string
	if ok, found := c.validator.ValidateHttpResponse(request, &again); !ok {
		for _, p := range found {
			problems = append(problems, p.Message+": "+p.Reason)
			for _, e := range p.SchemaValidationErrors {
				problems = append(problems, e.FieldPath+": "+e.Reason)
			}
		}
	}
	described := documented(operation, response.StatusCode)
	if described == nil {
		return problems // that the status is not in the contract was said above
	}
	// The validator accepts an empty body for any schema, and any body where none is described.
	switch hasBody := orderedmap.Len(described.Content) > 0; {
	case hasBody && len(body) == 0:
		problems = append(problems, fmt.Sprintf("the contract has a body for %d, and there is none", response.StatusCode))
	case !hasBody && len(body) > 0:
		problems = append(problems, fmt.Sprintf("the contract has no body for %d, and there are %d bytes", response.StatusCode, len(body)))
	}
	return append(problems, undocumentedHeaders(described, response)...)
}

// head checks a HEAD request, which is answered as GET without the body.
func (c *Checker) head(get *v3.Operation, response *http.Response, body []byte) []string {
	described := documented(get, response.StatusCode)
	if described == nil {
		return []string{fmt.Sprintf("HEAD of %s: the contract has no %d", get.OperationId, response.StatusCode)}
	}
	problems := undocumentedHeaders(described, response)
	if len(body) > 0 {
		problems = append(problems, "a response to HEAD has a body")
	}
	return problems
}

func documented(operation *v3.Operation, status int) *v3.Response {
	return operation.Responses.Codes.GetOrZero(strconv.Itoa(status))
}

func undocumentedHeaders(described *v3.Response, response *http.Response) (problems []string) {
	for name := range response.Header {
		declared := slices.Contains(everywhere, name) || name == "Cache-Control" && response.Header.Get(name) == noStore
		if described.Headers != nil {
			for header := range described.Headers.KeysFromOldest() {
				declared = declared || http.CanonicalHeaderKey(header) == name
			}
		}
		if !declared {
			problems = append(problems, fmt.Sprintf("the contract has no header %s for %d", name, response.StatusCode))
		}
	}
	return problems
}

// requestProblems says why the contract does not allow a request that was accepted.
func (c *Checker) requestProblems(request *http.Request, path string) (problems []string) {
	again := request.Clone(request.Context())
	again.Body = http.NoBody
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return []string{"the request's body: " + err.Error()}
		}
		again.Body = body
	}
	ok, found := c.validator.ValidateHttpRequestSync(again)
	if ok {
		return nil
	}
	for _, p := range found {
		problems = append(problems, fmt.Sprintf("%s %s was accepted, which the contract does not allow: %s: %s", request.Method, path, p.Message, p.Reason))
		for _, e := range p.SchemaValidationErrors {
			problems = append(problems, e.FieldPath+": "+e.Reason)
		}
	}
	return problems
}

// Seen returns how often each response was seen.
func (c *Checker) Seen() map[Response]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := make(map[Response]int, len(c.seen))
	for r, n := range c.seen {
		seen[r] = n
	}
	return seen
}

// All returns every response of the contract, in its order.
func (c *Checker) All() (all []Response) {
	for _, item := range c.document.Paths.PathItems.FromOldest() {
		for _, operation := range item.GetOperations().FromOldest() {
			for code := range operation.Responses.Codes.KeysFromOldest() {
				status, err := strconv.Atoi(code)
				if err != nil {
					continue // a range or extension; the contract has none, which the package's test holds
				}
				all = append(all, Response{operation.OperationId, status})
			}
		}
	}
	return all
}

// Example is an example of a request's body.
type Example struct {
	Operation, Method, Path, Name string
	// Token is whether the operation needs one.
	Token bool
	Body  []byte
}

// RequestExamples returns the examples of all request bodies in JSON, in the order of the contract.
func (c *Checker) RequestExamples() (all []Example, err error) {
	for path, item := range c.document.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			if operation.RequestBody == nil {
				continue
			}
			media, ok := operation.RequestBody.Content.Get("application/json")
			if !ok {
				continue
			}
			found, err := values(media)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", operation.OperationId, err)
			}
			for _, v := range found {
				body, err := json.Marshal(v.value)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", operation.OperationId, err)
				}
				all = append(all, Example{operation.OperationId, strings.ToUpper(method), path, v.name, len(operation.Security) > 0, body})
			}
		}
	}
	return all, nil
}

// named is an example's value with its name, "" for the only one.
type named struct {
	name  string
	value any
}

// values returns the examples of a body.
func values(media *v3.MediaType) (all []named, err error) {
	add := func(name string, node interface{ Decode(any) error }) {
		var value any
		if decodeErr := node.Decode(&value); decodeErr != nil {
			err = errors.Join(err, fmt.Errorf("example %q: %w", name, decodeErr))
			return
		}
		all = append(all, named{name, value})
	}
	if media.Example != nil {
		add("", media.Example)
	}
	for name, example := range media.Examples.FromOldest() {
		add(name, example.Value)
	}
	return all, err
}
