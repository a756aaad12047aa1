package outboxmail_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/consumers/internal/adapters/outboxmail"
	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/testkit/mailtest"
)

func read(t *testing.T, folder string) []mailtest.Received {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []mailtest.Received
	for _, file := range files {
		raw, err := os.ReadFile(file) //nolint:gosec // a file of the test
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, mailtest.Parse(t, raw))
	}
	return all
}

func TestConformance(t *testing.T) {
	mailtest.Exercise(t, func(t *testing.T) (notify.Mailer, func(t *testing.T) []mailtest.Received) {
		folder := filepath.Join(t.TempDir(), "outbox")
		return outboxmail.New(folder), func(t *testing.T) []mailtest.Received { t.Helper(); return read(t, folder) }
	})
}

// One logical id is one file, which its owner alone can read.
func TestACopyReplacesTheFirst(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "outbox")
	for _, effect := range []string{"a", "a", "b"} {
		if err := outboxmail.New(folder).Send(t.Context(), mailtest.Mail(t, effect)); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(e.Name(), string(mails.ConfirmAddress)) {
			t.Errorf("%s %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestFailuresShowNothingOfTheMail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := outboxmail.New(filepath.Join(file, "outbox")).Send(t.Context(), mailtest.Mail(t, "a")); err == nil || strings.Contains(err.Error(), "c4n4ry") {
		t.Errorf("%v", err)
	}
}
