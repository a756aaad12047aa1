package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"boxoffice/contracts/openapi"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/localtokens"
)

// stack is the running stack that the tests speak to.
type stack struct {
	api, concert, ordersTable string
	holdFor                   time.Duration
	key                       localtokens.Key
	dynamo                    *dynamodb.Client
	contract                  validator.Validator
	http                      *http.Client
	layout                    apiclient.Layout

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
	s := &stack{next: map[string]int{}, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	for name, into := range map[string]*string{"API_BASE_URL": &s.api, "CONCERT_ID": &s.concert, "ORDERS_TABLE": &s.ordersTable} {
		if *into = os.Getenv(name); *into == "" {
			return nil, fmt.Errorf("%s is not set; make env prints it", name)
		}
	}
	seconds, err := strconv.Atoi(os.Getenv("HOLD_SECONDS"))
	if err != nil {
		return nil, fmt.Errorf("HOLD_SECONDS: %w", err)
	}
	s.holdFor = time.Duration(seconds) * time.Second
	pem, err := os.ReadFile(os.Getenv("STACK_SIGNING_KEY"))
	if err != nil {
		return nil, fmt.Errorf("STACK_SIGNING_KEY: %w", err)
	}
	if s.key, err = localtokens.ParseKey(pem); err != nil {
		return nil, err
	}
	ctx := context.Background()
	config, err := awsclient.Load(ctx)
	if err != nil {
		return nil, err
	}
	s.dynamo = dynamodb.NewFromConfig(config)
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		return nil, err
	}
	contract, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	s.contract = contract
	anyone := &apiclient.Client{Base: s.api, HTTP: s.http}
	return s, anyone.Get(ctx, "/concerts/"+s.concert+"/layout", &s.layout)
}

// userNamed makes a user id that no other test and no earlier run has.
func userNamed(name string) string { return name + "-" + rand.Text()[:10] }

// as is a client signed in as the user; every answer that it gets is held to the contract.
func (s *stack) as(t *testing.T, user string) *apiclient.Client {
	t.Helper()
	token, err := s.key.Sign(localtokens.ClaimsOf(s.api, user, time.Now(), localtokens.TTL))
	if err != nil {
		t.Fatal(err)
	}
	return s.with(t, token)
}

// with is a client with this token, "" for none.
func (s *stack) with(t *testing.T, token string) *apiclient.Client {
	return &apiclient.Client{Base: s.api, Token: token, HTTP: s.http, Seen: func(request *http.Request, response *http.Response, body []byte) {
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
