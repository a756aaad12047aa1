package topology_test

import (
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/tokenkeys"
	"boxoffice/contracts/topology"
)

// Every route of operators needs their scope at the gateway, and no other route does.
func TestOperatorsRoutesNeedTheirScope(t *testing.T) {
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	routes := 0
	for _, f := range all.Functions {
		for _, r := range f.Routes {
			_, path, _ := strings.Cut(r.Route, " ")
			forOperators := strings.HasPrefix(path, "/api/ops/")
			if forOperators {
				routes++
			}
			if slices.Equal(r.Scopes, []string{tokenkeys.ScopeOperator}) != forOperators || forOperators && r.Auth != topology.AuthJWT {
				t.Errorf("%s has scopes %v and auth %s", r.Route, r.Scopes, r.Auth)
			}
		}
	}
	if routes != 4 {
		t.Errorf("%d routes of operators", routes)
	}
}
