package tokenkeys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts/tokenkeys"
)

var start = time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)

func private(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ids(s tokenkeys.Set) []string {
	var all []string
	for _, k := range s {
		all = append(all, k.ID)
	}
	return all
}

// At each rotation the new key is published for two hours before it signs, and the old one stays until nothing can be signed with
// it any more.
func TestRotationOverlaps(t *testing.T) {
	one := private(t)
	set := tokenkeys.Set{{ID: "one", SignsFrom: start, Private: one}}
	rotated := start.Add(24 * time.Hour)
	set = set.Add("two", one, rotated)
	for after, want := range map[time.Duration]string{0: "one", 2*time.Hour - time.Second: "one", 2 * time.Hour: "two", 100 * time.Hour: "two"} {
		if key, found := set.Signing(rotated.Add(after)); !found || key.ID != want {
			t.Errorf("%s after the rotation %s signs, want %s", after, key.ID, want)
		}
	}
	if got := ids(set); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("published %v", got)
	}
	// Two signs from two hours after the rotation; one stays published for 48 hours of that.
	soon, late := set.Add("three", one, rotated.Add(49*time.Hour)), set.Add("three", one, rotated.Add(50*time.Hour))
	if got := ids(soon); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("49 h later %v are published", got)
	}
	if got := ids(late); !slices.Equal(got, []string{"two", "three"}) {
		t.Errorf("50 h later %v are published", got)
	}
	if key, found := set.Signing(start.Add(-time.Second)); found {
		t.Errorf("%s signs before its time", key.ID)
	}
}

func TestTheSecretIsReadAsItWasWritten(t *testing.T) {
	key := private(t)
	set := tokenkeys.Set{{ID: "one", SignsFrom: start, Private: key}}.Add("two", private(t), start)
	secret, err := set.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := tokenkeys.Parse(secret)
	if err != nil || len(read) != 2 || read[0].ID != "one" || !read[0].SignsFrom.Equal(start) || !read[0].Private.Equal(key) || read[1].ID != "two" {
		t.Errorf("read %v, %v", read, err)
	}
	if len(secret) > 10<<10 {
		t.Errorf("two keys take %d bytes", len(secret))
	}
}

func TestSecretsThatAreRefused(t *testing.T) {
	form := func(kid string, der []byte) string {
		return fmt.Sprintf(`{"kid":%q,"signsFrom":"2030-03-01T12:00:00Z","pkcs8":%q}`, kid, base64.StdEncoding.EncodeToString(der))
	}
	der := func(key any) []byte {
		encoded, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := form("one", der(private(t)))
	for name, c := range map[string]struct{ secret, says string }{
		"empty":        {"", "not JSON"},
		"no JSON":      {"c4n4ry", "not JSON"},
		"no key":       {`{"keys":[]}`, "no key"},
		"no kid":       {`{"keys":[` + strings.Replace(good, `"one"`, `""`, 1) + `]}`, "no kid"},
		"twice":        {`{"keys":[` + good + "," + good + `]}`, "twice"},
		"no RSA key":   {`{"keys":[` + form("one", der(elliptical)) + `]}`, "RSA"},
		"broken key":   {`{"keys":[` + form("one", []byte("c4n4ry")) + `]}`, "RSA"},
		"no instant":   {`{"keys":[{"kid":"one","signsFrom":"c4n4ry","pkcs8":""}]}`, "not JSON"},
		"another type": {`[]`, "not JSON"},
	} {
		_, err := tokenkeys.Parse(c.secret)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if !json.Valid([]byte(good)) {
		t.Error("the sample is not JSON")
	}
}
