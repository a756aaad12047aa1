package install

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/topology"
)

func installer(t *testing.T) Installer {
	t.Helper()
	return Installer{Root: t.TempDir(), Progress: t.Logf, Environment: []string{"PATH=" + os.Getenv("PATH")}}
}

func TestAMissingToolIsAnErrorWithARemedy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var missing MissingToolError
	if _, err := installer(t).Redis(t.Context()); !errors.As(err, &missing) || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("redis: %v", err)
	}
	if _, err := installer(t).Build(t.Context(), nil); !errors.As(err, &missing) || missing.Tool != "go" {
		t.Errorf("go: %v", err)
	}
	i := installer(t)
	requirements := filepath.Join(i.Root, "scripts", "devstack", "requirements.txt")
	if err := os.MkdirAll(filepath.Dir(requirements), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(requirements, []byte("x==1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Ministack(t.Context()); !errors.As(err, &missing) || missing.Tool != "python3" {
		t.Errorf("python: %v", err)
	}
}

func TestEveryRequirementIsPinned(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "requirements.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "==") {
			t.Errorf("%q is not pinned", line)
		}
	}
}

func TestBuildReportsWhatDoesNotCompile(t *testing.T) {
	i := installer(t)
	if err := os.WriteFile(filepath.Join(i.Root, "go.mod"), []byte("module boxoffice\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := i.Build(t.Context(), []topology.Function{{Name: "absent", Side: "consumers"}})
	if err == nil || !strings.Contains(err.Error(), "consumers/cmd/absent") {
		t.Errorf("error %v", err)
	}
}

func TestPublishReplacesOnlyWhatDiffers(t *testing.T) {
	folder := t.TempDir()
	from, target := filepath.Join(folder, "new"), filepath.Join(folder, "NAME", "bootstrap")
	publish := func(content string) os.FileInfo {
		t.Helper()
		if err := os.WriteFile(from, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := publishBinary(from, target); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(target)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first, same, other := publish("one"), publish("one"), publish("two")
	if !os.SameFile(first, same) {
		t.Error("an equal binary was replaced")
	}
	// A running program keeps its file: the new binary is another file with the same name.
	if os.SameFile(first, other) {
		t.Error("a running program's file was written to")
	}
	if first.Mode().Perm()&0o100 == 0 {
		t.Errorf("mode %o: not executable", first.Mode().Perm())
	}
	if content, err := os.ReadFile(target); err != nil || string(content) != "two" {
		t.Errorf("content %q, %v", content, err)
	}
}

func TestBuildFlagsAreOnlyAddedWhereNoneAreSet(t *testing.T) {
	if got := withBuildFlags([]string{"A=1"}); !slices.Equal(got, []string{"A=1", "GOFLAGS=" + BuildFlags, "CGO_ENABLED=0"}) {
		t.Errorf("added %q", got)
	}
	own := []string{"GOFLAGS=-race", "CGO_ENABLED=1"}
	if got := withBuildFlags(own); !slices.Equal(got, own) {
		t.Errorf("changed %q", got)
	}
}
