package install

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// programs writes scripts node, which prints the version, and npm into a folder.
func programs(t *testing.T, folder, version string) string {
	t.Helper()
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node", "npm"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\necho "+version+"\n"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	return folder
}

func TestNodeOfThePathIsTakenIfItIsNewEnough(t *testing.T) {
	for version, want := range map[string]bool{"v20.19.0": true, "v22.1.0": true, "v100.0.0": true, "v20.18.3": false, "v18.19.0": false, "v9.99.0": false, "nothing": false, "v20": false, "": false} {
		i := installer(t)
		folder := programs(t, filepath.Join(t.TempDir(), "bin"), version)
		t.Setenv("PATH", folder+":/bin:/usr/bin")
		got, err := i.FindNode(t.Context())
		if (got == folder) != want || (err == nil) != want {
			t.Errorf("%q: %q, %v", version, got, err)
		}
		if err != nil && !errors.Is(err, ErrNoNode) {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestInstalledNodeIsTakenWhereThePathHasNone(t *testing.T) {
	i := installer(t)
	t.Setenv("PATH", programs(t, filepath.Join(t.TempDir(), "bin"), "v18.0.0")+":/bin:/usr/bin")
	own := programs(t, filepath.Join(i.Root, ".local", "node", "bin"), "v22.20.0")
	if got, err := i.Node(t.Context()); err != nil || got != own {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.Remove(filepath.Join(own, "npm")); err != nil {
		t.Fatal(err)
	}
	if _, err := i.FindNode(t.Context()); err == nil || !strings.Contains(err.Error(), "no npm") || !strings.Contains(err.Error(), "v18.0.0") {
		t.Errorf("without npm: %v", err)
	}
}

// Where Python is missing too, the error says how to get it.
func TestNodeThatCannotBeInstalledSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var missing MissingToolError
	if _, err := installer(t).Node(t.Context()); !errors.As(err, &missing) || missing.Tool != "python3" {
		t.Errorf("%v", err)
	}
}
