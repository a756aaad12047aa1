package e2e

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/contractcheck"
	"boxoffice/scripts/internal/testbed"
)

// exampleAnswers has the examples of requests that are not answered with success, and why.
var exampleAnswers = map[string]struct {
	status int
	code   string
	why    string
}{
	"confirmAddress":     {http.StatusGone, "link_expired", "the link was never sent"},
	"setPassword":        {http.StatusGone, "link_expired", "the link was never sent"},
	"receiveStripeEvent": {http.StatusBadRequest, "invalid_signature", "Stripe did not sign it"},
}

// Every example of a request is answered as the contract says: with success, or with the listed refusal. Not parallel: tests that
// are run after it, and it gives its seats back.
func TestExamplesOfRequestsAreAnswered(t *testing.T) {
	s := requireStack(t)
	examples, err := s.contract.RequestExamples()
	if err != nil {
		t.Fatal(err)
	}
	account := &person{Client: s.withToken(t, ""), stack: s}
	buyer := s.signedIn(t, testbed.Named("example"))
	for _, e := range examples {
		t.Run(e.Operation+" "+e.Name, func(t *testing.T) {
			if strings.Contains(e.Path, "{") {
				t.Skipf("%s names a resource, which no example can have; its body is only compared with its schema", e.Path)
			}
			client := buyer
			if !strings.HasPrefix(e.Path, "/api/orders") {
				client = account.Client
			}
			answer, err := client.Do(t.Context(), e.Method, strings.TrimPrefix(e.Path, "/api"), e.Body, map[string]string{
				"Content-Type": "application/json", "Idempotency-Key": testbed.Named("example"), "Origin": strings.TrimSuffix(s.API, "/api"), "Stripe-Signature": "t=1,v1=00",
			})
			if err != nil {
				t.Fatal(err)
			}
			want, refused := exampleAnswers[e.Operation]
			switch {
			case refused && (answer.Status != want.status || answer.Problem().Code != want.code):
				t.Errorf("returned %d %s, want %d %s, since %s", answer.Status, answer.Body, want.status, want.code, want.why)
			case e.Operation == "signUp" && answer.Problem().Code == "email_taken":
				t.Log("the account of an earlier run is still there")
			case !refused && answer.Status >= http.StatusBadRequest:
				t.Fatalf("returned %d %s", answer.Status, answer.Body)
			}
			switch e.Operation {
			case "logIn":
				account.signIn(t, answer)
			case "placeOrder":
				s.giveBack(t, buyer, answer)
			}
		})
	}
}

// giveBack waits for the decision of an order, and cancels it.
func (s *stack) giveBack(t *testing.T, c *apiclient.Client, answer apiclient.Answer) {
	t.Helper()
	var accepted apiclient.Accepted
	if err := answer.Decode(&accepted); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, s.waitDecided(t, c, accepted.OrderID), contracts.AwaitingPayment)
	if a, err := c.Do(t.Context(), http.MethodDelete, "/orders/"+accepted.OrderID, nil, nil); err != nil || a.Status >= http.StatusBadRequest {
		t.Fatalf("DELETE returned %d %s, %v", a.Status, a.Body, err)
	}
	if _, err := c.WaitFor(t.Context(), accepted.OrderID, func(o apiclient.Order) bool { return o.Status == contracts.Cancelled }); err != nil {
		t.Fatal(err)
	}
}

// unseen are the responses that no end-to-end test gets, by status, and what shows them instead.
var unseen = map[int]string{
	http.StatusTooManyRequests:     "the stack of these tests is not throttled and has wide limits: lambdahost/internal/gateway, producers/internal/identity",
	http.StatusInternalServerError: "no request causes it: producers/internal/httpapi",
	http.StatusServiceUnavailable:  "needs a dependency that is down: scripts/faults, and the tests of each handler",
}

// unseenOne are single responses that no end-to-end test gets.
var unseenOne = map[contractcheck.Response]string{}

// checkCoverage prints which share of the contract's responses the tests have seen, and returns an error for each one that was not
// seen and is not listed. A run of some of the tests says nothing about it.
func (s *stack) checkCoverage() error {
	if run := flag.Lookup("test.run"); run != nil && run.Value.String() != "" || testing.Short() {
		return nil
	}
	all, seen := s.contract.All(), s.contract.Seen()
	count, exchanges := 0, 0
	var missing []string
	for _, r := range all {
		exchanges += seen[r]
		_, byStatus := unseen[r.Status]
		_, byName := unseenOne[r]
		switch {
		case seen[r] > 0:
			count++
		case !byStatus && !byName:
			missing = append(missing, r.String())
		}
	}
	fmt.Printf("contract: %d of %d responses were seen, in %d exchanges\n", count, len(all), exchanges)
	if os.Getenv("CONTRACT_COVERAGE") != "" {
		for _, r := range all {
			fmt.Printf("contract: %-24s %d %6d\n", r.Operation, r.Status, seen[r])
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("no test has seen these responses of the contract: %s: cover them, or list them in contract_test.go with the reason", strings.Join(missing, ", "))
	}
	return nil
}
