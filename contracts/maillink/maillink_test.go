package maillink_test

import (
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/maillink"
	"boxoffice/contracts/sealed"
)

func keys(t *testing.T, secret string) sealed.Keys {
	t.Helper()
	k, err := sealed.ParseKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const ends = contracts.Instant(1_800_000_000_000)

func TestATokenNamesItsAccountUntilItEnds(t *testing.T) {
	old := "1:" + strings.Repeat("A", 43)
	token := maillink.Token(keys(t, old), maillink.Reset, "u1", "n1", ends)
	// After a rotation links of the secret before it are still good.
	rotated := keys(t, "2:"+strings.Repeat("B", 43)+","+old)
	for name, c := range map[string]struct {
		keys  sealed.Keys
		kind  maillink.Kind
		token string
		now   contracts.Instant
		good  bool
	}{
		"good":                {rotated, maillink.Reset, token, ends.Add(-time.Second), true},
		"at its end":          {rotated, maillink.Reset, token, ends, false},
		"of another kind":     {rotated, maillink.Confirm, token, 0, false},
		"of another secret":   {keys(t, "2:"+strings.Repeat("B", 43)), maillink.Reset, token, 0, false},
		"cut":                 {rotated, maillink.Reset, token[:len(token)-1], 0, false},
		"with another's name": {rotated, maillink.Reset, "dTI" + token[3:], 0, false},
		"empty":               {rotated, maillink.Reset, "", 0, false},
	} {
		user, nonce, ok := maillink.Open(c.keys, c.kind, c.token, c.now)
		if ok != c.good || ok && (user != "u1" || nonce != "n1") {
			t.Errorf("%s: %q, %q, %t", name, user, nonce, ok)
		}
	}
}

func TestALinkHasItsTokenBehindTheHash(t *testing.T) {
	if got := maillink.URL("https://boxoffice.example", maillink.Confirm, "a.b"); got != "https://boxoffice.example/confirm#a.b" {
		t.Error(got)
	}
}
