package e2e

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/contractcheck"
	"boxoffice/scripts/internal/testbed"
)

// stack is the running stack under test.
type stack struct {
	*testbed.Bed
	contract *contractcheck.Checker
	layout   apiclient.Layout

	mu sync.Mutex
	// nextPlace is the first place of each group that no test has taken yet.
	nextPlace map[string]int
}

var openStack = sync.OnceValues(connect)

// requireStack returns the stack of the environment, or skips the test with the reason.
func requireStack(t *testing.T) *stack {
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
	contract, err := contractcheck.New()
	if err != nil {
		return nil, err
	}
	s := &stack{Bed: bed, contract: contract, nextPlace: map[string]int{}}
	s.layout, err = s.Layout(context.Background(), s.Concert)
	return s, err
}

// signedIn returns a client signed in as the user; every exchange is checked against the contract.
func (s *stack) signedIn(t *testing.T, user string) *apiclient.Client {
	t.Helper()
	c, err := s.Buyer(user)
	if err != nil {
		t.Fatal(err)
	}
	return s.withToken(t, c.Token)
}

// withToken returns a client with this token; "" means none. Every exchange is checked against the contract.
func (s *stack) withToken(t *testing.T, token string) *apiclient.Client {
	return &apiclient.Client{Base: s.API, Token: token, HTTP: s.HTTP, AnySeats: true, Seen: func(request *http.Request, response *http.Response, body []byte) {
		if problems := s.contract.Exchange(request, response, body); len(problems) > 0 {
			t.Errorf("%s %s: response %d violates the contract:\n  %s\n%.500s", request.Method, request.URL.Path, response.StatusCode, strings.Join(problems, "\n  "), body)
		}
	}}
}
