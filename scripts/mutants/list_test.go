package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/scripts/internal/moduleroot"
)

// loadList returns the module's root and the mutants of mutants.json.
func loadList(t *testing.T) (root string, mutants []mutant) {
	t.Helper()
	root, err := moduleroot.Find()
	if err != nil {
		t.Fatal(err)
	}
	if mutants, err = load(root, filepath.Join(root, "scripts/mutants/mutants.json")); err != nil {
		t.Fatal(err)
	}
	return root, mutants
}

// A change of the code may remove the text of a mutant by mistake. This test reports that at once; make mutants takes minutes.
func TestEveryTextOfTheListIsInItsFileOnce(t *testing.T) {
	root, mutants := loadList(t)
	for _, m := range mutants {
		if _, err := m.planted(root); err != nil {
			t.Errorf("%s: %s: %v", m.Package, m.Name, err)
		}
	}
	if len(mutants) < 300 {
		t.Errorf("only %d mutants", len(mutants))
	}
}

// Every test that the list names is in its package: with a wrong name, no particular test would have to find the mutant.
func TestEveryTestOfTheListIsInItsPackage(t *testing.T) {
	root, mutants := loadList(t)
	sources := map[string]string{}
	for _, m := range mutants {
		if _, read := sources[m.Package]; read {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, m.Package, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources[m.Package] += string(text)
		}
	}
	for _, m := range mutants {
		name, _, _ := strings.Cut(m.Test, "/")
		if !strings.Contains(sources[m.Package], "\nfunc "+name+"(t *testing.T)") {
			t.Errorf("%s: %s: there is no %s", m.Package, m.Name, name)
		}
	}
}

func TestLoadRefusesIncompleteAndDuplicateEntries(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "p"), 0o700); err != nil {
		t.Fatal(err)
	}
	const whole = `{"name":"n","package":"p","file":"p/f.go","text":"a","replacement":"b","test":"TestA","why":"w"}`
	for name, c := range map[string]struct{ list, problem string }{
		"whole":             {"[" + whole + "]", ""},
		"no list":           {"{}", "cannot unmarshal"},
		"two lists":         {"[][]", "more than one"},
		"an unknown member": {`[{"package":"p","tests":"x"}]`, "unknown field"},
		"without a reason":  {"[" + strings.Replace(whole, `"w"`, `""`, 1) + "]", "lacks"},
		"no change":         {"[" + strings.Replace(whole, `"b"`, `"a"`, 1) + "]", "the same"},
		"no test":           {"[" + strings.Replace(whole, `"TestA"`, `"a"`, 1) + "]", "is no test"},
		"a missing package": {"[" + strings.Replace(whole, `"p"`, `"q"`, 1) + "]", "no such file"},
		"one twice":         {"[" + whole + "," + whole + "]", "there twice"},
	} {
		file := filepath.Join(root, "list.json")
		if err := os.WriteFile(file, []byte(c.list), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := load(root, file)
		if (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v, want %q", name, err, c.problem)
		}
	}
}
