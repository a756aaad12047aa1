package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"boxoffice/contracts/tokenkeys"
	"boxoffice/scripts/internal/localtokens"
)

// A new key is published at once and signs two hours later; the old one leaves with the first rotation after its time.
func TestKeysAreRotatedWithOverlap(t *testing.T) {
	a, out := testApp(t)
	tokensOf(t, a, "one")
	folder, root := testFolder(t, a, "one"), &commands{Stack: "one"}
	begun := time.Now()
	published := func() (ids []string) {
		t.Helper()
		document, err := os.ReadFile(filepath.Join(folder.WellKnown(), localtokens.KeySetName))
		if err != nil {
			t.Fatal(err)
		}
		set, err := loadTokenKeys(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range set {
			ids = append(ids, k.ID)
			if !strings.Contains(string(document), k.ID) {
				t.Errorf("%s is not published", k.ID)
			}
		}
		if n := strings.Count(string(document), `"kid"`); n != len(set) {
			t.Errorf("%d keys are published, %d are in the set", n, len(set))
		}
		return ids
	}
	signer := func() string {
		t.Helper()
		out.Reset()
		if err := (&tokenCommand{User: "anna"}).Run(t.Context(), a, root); err != nil {
			t.Fatal(err)
		}
		token, err := jose.ParseSignedCompact(strings.TrimSpace(out.String()), []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		return token.Signatures[0].Header.KeyID
	}
	at := func(d time.Duration) { a.now = func() time.Time { return begun.Add(d) } }
	rotate := func(dry bool) error { return (&keysRotateCommand{DryRun: dry}).Run(t.Context(), a, root) }

	old := published()
	if err := rotate(true); err != nil || !slices.Equal(published(), old) || !strings.Contains(out.String(), "waiting") {
		t.Errorf("dry run: %v, %v\n%s", err, published(), out)
	}
	at(0)
	if err := rotate(false); err != nil {
		t.Fatal(err)
	}
	both := published()
	if len(both) != 2 || both[0] != old[0] || signer() != old[0] {
		t.Fatalf("published %v, before %v, signed by %s", both, old, signer())
	}
	at(2*time.Hour - time.Second)
	var waiting *tokenkeys.WaitingError
	if err := rotate(false); !errors.As(err, &waiting) || signer() != old[0] || !slices.Equal(published(), both) {
		t.Errorf("while a key waits: %v, %v", err, published())
	}
	at(2 * time.Hour)
	if got := signer(); got != both[1] {
		t.Errorf("after two hours %s signs, want %s", got, both[1])
	}
	// What up does with the keys changes none of them.
	if err := ensureTokenKeys(folder, "http://127.0.0.1:8080/api", a.now()); err != nil || !slices.Equal(published(), both) {
		t.Errorf("up: %v, %v", err, published())
	}
	at(2*time.Hour + tokenkeys.KeptAfter)
	if err := rotate(false); err != nil {
		t.Fatal(err)
	}
	if got := published(); len(got) != 2 || got[0] != both[1] || slices.Contains(got, old[0]) {
		t.Errorf("the old key stays: %v", got)
	}
	out.Reset()
	if err := (&keysShowCommand{JSON: true}).Run(a, root); err != nil || !strings.Contains(out.String(), `"signing"`) || strings.Contains(out.String(), "pkcs8") {
		t.Errorf("%s, %v", out, err)
	}
}
