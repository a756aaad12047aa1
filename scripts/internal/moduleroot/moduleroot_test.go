package moduleroot_test

import (
	"os"
	"path/filepath"
	"testing"

	"boxoffice/scripts/internal/moduleroot"
)

func TestFindSkipsOtherModules(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(below, 0o750); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if found, err := moduleroot.Find(); err == nil {
		t.Errorf("found %s where there is no module", found)
	}
	for folder, module := range map[string]string{root: "module boxoffice\n", below: "module other\n"} {
		if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte(module), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := moduleroot.Find(); err != nil || found != root {
		t.Errorf("found %s, %v, want %s", found, err, root)
	}
}
