package main

import (
	"encoding/json"
	"strings"
	"testing"

	"boxoffice/contracts/origin"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/devstack/internal/stack"
)

// A function's variables have no secret. They have its ARN, which only the extension can resolve.
func TestValuesHaveARNsInPlaceOfSecrets(t *testing.T) {
	a, _ := testApp(t)
	edge := true
	u := prepared(t, a, "one", stackFlags{Edge: &edge})
	u.values = topology.Values{}
	byARN, err := u.nameSecrets()
	if err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(u.values)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, f := range u.topology.Functions {
		for variable, reference := range f.Environment {
			if !topology.IsSecret(reference) {
				continue
			}
			named++
			arn := u.values[reference]
			value, known := byARN[arn]
			if !known || value == "" || !strings.HasPrefix(arn, "arn:aws:secretsmanager:") {
				t.Errorf("%s of %s is %q; it has a secret: %v", variable, f.Name, arn, known)
			}
			if known && strings.Contains(string(written), value) {
				t.Errorf("the value of %s is in the values", reference)
			}
		}
	}
	// The Redis passwords of readers, writers and pay, the key of order ids, Stripe's key and its signing secret, the keys of access
	// tokens, of sessions and of links in mails, of tickets and of push tickets, and the secret of the edge.
	if len(byARN) != 12 || named < 14 {
		t.Errorf("%d secrets, named %d times", len(byARN), named)
	}
	seen := map[string]bool{}
	for arn, value := range byARN {
		if seen[value] {
			t.Errorf("two secrets have one value: %s", arn)
		}
		seen[value] = true
	}
}

func TestASecretWithoutAValueIsAnError(t *testing.T) {
	a, _ := testApp(t)
	u := prepared(t, a, "one", stackFlags{})
	u.values = topology.Values{}
	u.topology.Functions[0].Environment["X"] = "secret:nobody-knows"
	if _, err := u.nameSecrets(); err == nil || !strings.Contains(err.Error(), "secret:nobody-knows") {
		t.Errorf("error %v", err)
	}
}

// Without an edge nothing sends the origin secret, so no function may ask for it.
func TestStackWithoutEdgeHasNoOriginSecret(t *testing.T) {
	a, _ := testApp(t)
	for name, want := range map[string]bool{stack.DefaultName: true, "one": false} {
		u := prepared(t, a, name, stackFlags{})
		u.values = topology.Values{}
		if _, err := u.nameSecrets(); err != nil {
			t.Fatal(err)
		}
		if value, found := u.values[origin.Reference]; !found || (value != "") != want || u.settings.Edge != want {
			t.Errorf("%s: edge %t, %s is %q", name, u.settings.Edge, origin.Reference, value)
		}
	}
}
