// Package stacktest is for tests that bring a whole stack up.
package stacktest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"boxoffice/scripts/internal/moduleroot"
)

// NeedTools skips the test where the stack's servers are not installed (make tools). In CI the test fails instead.
func NeedTools(t testing.TB) {
	t.Helper()
	root, err := moduleroot.Find()
	if err != nil {
		t.Fatal(err)
	}
	missing := ""
	if _, err := os.Stat(filepath.Join(root, ".local", "venv", "bin", "ministack")); err != nil && os.Getenv("BOXOFFICE_MINISTACK") == "" {
		missing = "ministack"
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing = "redis-server"
	}
	if missing == "" {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal(missing + " is missing")
	}
	t.Skip("needs " + missing + ": make tools")
}
