package sealed_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/sealed"
)

func secret(version, fill string) string {
	return version + ":" + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(fill, 32)))
}

func keys(t *testing.T, secrets string) sealed.Keys {
	t.Helper()
	k, err := sealed.ParseKeys(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestOnlyWhatWasSealedIsOpened(t *testing.T) {
	k := keys(t, secret("1", "a"))
	text := k.Seal("reset", "anna", "n-1", "")
	if got, ok := k.Open("reset", text, 3); !ok || !slices.Equal(got, []string{"anna", "n-1", ""}) {
		t.Fatalf("%q, %t", got, ok)
	}
	parts := strings.Split(text, ".")
	bob := base64.RawURLEncoding.EncodeToString([]byte("bob"))
	for name, c := range map[string]struct {
		purpose, text string
		n             int
	}{
		"another purpose":     {"confirm", text, 3},
		"another field":       {"reset", bob + "." + strings.Join(parts[1:], "."), 3},
		"fields moved":        {"reset", strings.Join([]string{parts[1], parts[0], parts[2], parts[3]}, "."), 3},
		"a field less":        {"reset", strings.Join(parts[1:], "."), 2},
		"another number":      {"reset", text, 2},
		"no proof":            {"reset", strings.Join(parts[:3], ".") + ".", 3},
		"a shorter proof":     {"reset", text[:len(text)-4], 3},
		"something behind it": {"reset", text + "A", 3},
		"empty":               {"reset", "", 3},
		"no base64":           {"reset", "…." + strings.Join(parts[1:], "."), 3},
		"of another secret":   {"reset", keys(t, secret("1", "b")).Seal("reset", "anna", "n-1", ""), 3},
	} {
		if got, ok := k.Open(c.purpose, c.text, c.n); ok {
			t.Errorf("%s: opened %q", name, got)
		}
	}
	if k.Seal("x", "ab", "c") == k.Seal("x", "a", "bc") {
		t.Error("two lists of fields have one seal")
	}
}

func TestAnOlderSecretStillOpens(t *testing.T) {
	old := keys(t, secret("1", "a")).Seal("x", "f")
	both := keys(t, secret("2", "b")+","+secret("1", "a"))
	if _, ok := both.Open("x", old, 1); !ok {
		t.Error("a text of the older secret is not opened")
	}
	if both.Seal("x", "f") != keys(t, secret("2", "b")).Seal("x", "f") {
		t.Error("the newest secret does not seal")
	}
}

func TestSecretsThatAreRefused(t *testing.T) {
	for _, text := range []string{"", "c4n4ry", "1:c4n4ry", "1:" + strings.Repeat("!", 50), secret("1", "a") + ",", secret("1", "a") + ",c4n4ry"} {
		if _, err := sealed.ParseKeys(text); err == nil || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
