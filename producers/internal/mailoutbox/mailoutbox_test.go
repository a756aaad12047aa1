package mailoutbox_test

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/producers/internal/identity"
	"boxoffice/producers/internal/mailoutbox"
)

func TestEachLetterIsAFileOfItsOwner(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "outbox")
	want := identity.Letter{Kind: identity.LinkReset, To: "anna@example.com", Name: "Anna", Locale: "de", Link: "https://x/reset#t"}
	for range 2 {
		if err := mailoutbox.New(folder, rand.Reader).Deliver(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		var got identity.Letter
		content, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(content, &got) != nil || got != want {
			t.Errorf("%s: %s, %v", file, content, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || filepath.Ext(file) != ".json" {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

func TestFailuresShowNothingOfTheLetter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	letter := identity.Letter{To: "c4n4ry@example.com", Link: "c4n4ry"}
	for name, o := range map[string]mailoutbox.Outbox{
		"no folder can be made": mailoutbox.New(filepath.Join(file, "outbox"), rand.Reader),
		"no name can be made":   mailoutbox.New(t.TempDir(), strings.NewReader("")),
	} {
		if err := o.Deliver(t.Context(), letter); err == nil || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := mailoutbox.New("", rand.Reader).Deliver(t.Context(), letter); err != nil {
		t.Errorf("without a folder: %v", err)
	}
}
