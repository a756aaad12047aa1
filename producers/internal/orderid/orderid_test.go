package orderid_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/producers/internal/orderid"
)

func secret(version string, fill byte) string {
	return version + ":" + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(string(fill), 32)))
}

func minter(t *testing.T, secrets string) *orderid.Minter {
	t.Helper()
	m, err := orderid.New("e", secrets)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSameKeyGivesSameOrder(t *testing.T) {
	m := minter(t, secret("1", 'x'))
	a, b := m.Mint("anna", "key-1"), minter(t, secret("1", 'x')).Mint("anna", "key-1")
	if a != b {
		t.Errorf("%s and %s", a, b)
	}
	if want := "e1"; string(a[:2]) != want {
		t.Errorf("id %s does not begin with Region and version %s", a, want)
	}
	if _, err := contracts.ParseOrderID(string(a)); err != nil {
		t.Errorf("id %s is not well formed: %v", a, err)
	}
}

// The ids of existing orders must never change.
func TestIDsNeverChange(t *testing.T) {
	if got, want := minter(t, secret("1", 'x')).Mint("anna", "key-1"), contracts.OrderID("e174nccx3fncgmzxxqm8qag906q06ca0"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestIDVerifiesForItsBuyerOnly(t *testing.T) {
	m := minter(t, secret("1", 'x'))
	rapid.Check(t, func(t *rapid.T) {
		user, other := rapid.String().Draw(t, "user"), rapid.String().Draw(t, "other")
		key, otherKey := rapid.String().Draw(t, "key"), rapid.String().Draw(t, "other key")
		id := m.Mint(user, key)
		if _, ok := m.Verify(user, string(id)); !ok {
			t.Fatalf("%s is not its own buyer's", id)
		}
		if user != other {
			if _, ok := m.Verify(other, string(id)); ok {
				t.Fatalf("%s is also %q's", id, other)
			}
		}
		if key != otherKey && m.Mint(user, otherKey) == id {
			t.Fatalf("%q and %q give the same order", key, otherKey)
		}
		at := rapid.IntRange(0, len(id)-1).Draw(t, "at")
		to := rapid.SampledFrom([]byte(contracts.OrderIDAlphabet)).Draw(t, "to")
		if changed := string(id[:at]) + string(to) + string(id[at+1:]); changed != string(id) && at > 0 {
			if _, ok := m.Verify(user, changed); ok {
				t.Fatalf("%s passes for %s", changed, id)
			}
		}
	})
}

func TestOldSecretStillVerifies(t *testing.T) {
	old := minter(t, secret("1", 'x')).Mint("anna", "key-1")
	rotated := minter(t, secret("2", 'y')+","+secret("1", 'x'))
	if _, ok := rotated.Verify("anna", string(old)); !ok {
		t.Error("an id of the old secret is refused")
	}
	if id := rotated.Mint("anna", "key-1"); id[1] != '2' {
		t.Errorf("a new id is made with secret %c", id[1])
	}
	if _, ok := minter(t, secret("2", 'y')).Verify("anna", string(old)); ok {
		t.Error("an id of a removed secret is accepted")
	}
}

func TestBadSecretsAreReportedByName(t *testing.T) {
	for secrets, want := range map[string]string{
		"":                          "version:base64url",
		"1":                         "version:base64url",
		"12:" + secret("", 'x')[1:]: "version:base64url",
		"i:" + secret("", 'x')[1:]:  "version:base64url",
		"1:c2hvcnQ":                 "at least 32 bytes",
		"1:***":                     "at least 32 bytes",
		secret("1", 'x') + "," + secret("1", 'y'): "twice",
	} {
		if _, err := orderid.New("e", secrets); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", secrets, err, want)
		}
	}
	for _, region := range []string{"", "E", "eu", "1"} {
		if _, err := orderid.New(region, secret("1", 'x')); err == nil {
			t.Errorf("Region letter %q is accepted", region)
		}
	}
}
