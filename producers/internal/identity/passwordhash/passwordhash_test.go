package passwordhash

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
)

func TestAHashMatchesItsPasswordAlone(t *testing.T) {
	h := New(2)
	one, err := h.Hash(t.Context(), "korrekt pferd")
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.Hash(t.Context(), "korrekt pferd")
	if err != nil {
		t.Fatal(err)
	}
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes %q and %q", one, two)
	}
	for password, want := range map[string]bool{"korrekt pferd": true, "korrekt pferd ": false, "Korrekt pferd": false, "": false} {
		if got, err := h.Matches(t.Context(), password, one); err != nil || got != want {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	if _, err := h.Matches(t.Context(), "x", "c4n4ry"); err == nil || strings.Contains(err.Error(), "c4n4ry") {
		t.Errorf("a hash that is none: %v", err)
	}
}

// An account without a hash costs the same work: nobody can tell by time that it does not exist.
func TestAMissingHashCostsTheSame(t *testing.T) {
	used, salt, key, err := argon2id.DecodeHash(nobodys)
	if err != nil || *used != *params || len(salt) == 0 || len(key) == 0 {
		t.Fatalf("the hash of nobody has %+v, %v", used, err)
	}
	h := New(1)
	hash, err := h.Hash(t.Context(), "korrekt pferd")
	if err != nil {
		t.Fatal(err)
	}
	// Other work on the machine only adds time, so the fastest of several tries counts.
	with, without := time.Hour, time.Hour
	for range 15 {
		for hash, least := range map[string]*time.Duration{hash: &with, "": &without} {
			started := time.Now()
			if same, err := h.Matches(t.Context(), "another one", hash); same || err != nil {
				t.Fatal(same, err)
			}
			*least = min(*least, time.Since(started))
		}
	}
	if without < with/2 || without > with*2 {
		t.Errorf("%s with a hash, %s without", with, without)
	}
	t.Logf("a hash takes %s", with)
}

func TestHashesWaitForTheirTurn(t *testing.T) {
	h := New(1)
	h.turns <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if _, err := h.Matches(ctx, "x", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	<-h.turns
	if _, err := h.Hash(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}
