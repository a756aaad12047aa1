package origin_test

import (
	"strings"
	"testing"

	"boxoffice/contracts/origin"
)

var (
	a = strings.Repeat("a", 32)
	b = strings.Repeat("b", 40)
)

func TestAcceptedAreTheConfiguredSecrets(t *testing.T) {
	for _, c := range []struct {
		text, sent string
		accepts    map[string]bool
	}{
		{"", "", map[string]bool{"": true, a: true}},
		{a, a, map[string]bool{a: true, b: false, "": false, a[1:]: false, a + "a": false}},
		{a + "," + b, a, map[string]bool{a: true, b: true, "": false, a + "," + b: false}},
		{b + "," + a, b, map[string]bool{a: true, b: true}},
	} {
		secrets, err := origin.Parse(c.text)
		if err != nil || secrets.Sent() != c.sent {
			t.Fatalf("%q: sends %q, %v", c.text, secrets.Sent(), err)
		}
		for given, want := range c.accepts {
			if secrets.Accept(given) != want {
				t.Errorf("%q accepts %q: %t", c.text, given, !want)
			}
		}
	}
}

func TestUnusableSecretsAreRefusedWithoutTheirValue(t *testing.T) {
	for _, text := range []string{a[1:], a + ",", "," + a, a + ", " + b, a + "," + b + "," + a, strings.Repeat("a", 31) + "\n", strings.Repeat("ä", 32)} {
		if _, err := origin.Parse(text); err == nil || strings.Contains(err.Error(), "aaaa") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
