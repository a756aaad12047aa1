package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"boxoffice/contracts/origin"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// Every function that the gateway reaches refuses a request that did not come through the edge: also with a token, and with a secret
// that somebody has guessed. Otherwise the limits of the edge, and the address of the viewer, would mean nothing.
func TestFunctionsRefuseRequestsPastTheEdge(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	gateway := os.Getenv("GATEWAY_URL")
	if gateway == "" || gateway+"/api" == s.API {
		t.Skip("this stack has no edge (GATEWAY_URL is the address of the API): run it with --edge")
	}
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	signedIn, err := s.Buyer(testbed.Named("mallory"))
	if err != nil {
		t.Fatal(err)
	}
	past := &apiclient.Client{Base: gateway, Token: signedIn.Token, HTTP: s.HTTP}
	asked := 0
	for _, f := range all.Functions {
		for _, r := range f.Routes {
			method, path, found := strings.Cut(r.Route, " ")
			if !found {
				method, path = http.MethodGet, "/api/no-such-route" // the default route
			}
			path = strings.NewReplacer("{concertId}", s.Concert, "{orderId}", "e1"+strings.Repeat("0", 30)).Replace(path)
			for name, headers := range map[string]map[string]string{
				"no secret": nil, "a guess": {origin.Header: strings.Repeat("x", 43)}, "an empty one": {origin.Header: ""},
				"an address of its own": {"CloudFront-Viewer-Address": "192.0.2.1:1", "X-Forwarded-For": "192.0.2.1", "Via": "1.1 edge (CloudFront)"},
			} {
				asked++
				answer, err := past.Do(t.Context(), method, path, nil, headers)
				if err != nil {
					t.Fatal(err)
				}
				if answer.Status != http.StatusForbidden || method != http.MethodHead && len(r.Scopes) == 0 && answer.Problem().Code != "forbidden" {
					t.Errorf("%s of %s with %s: %d %s", r.Route, f.Name, name, answer.Status, answer.Body)
				}
			}
		}
	}
	if asked < 50 {
		t.Errorf("only %d requests were made", asked)
	}
}
