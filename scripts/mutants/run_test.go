package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"boxoffice/scripts/internal/cli"
)

// files is a module with a package that embeds a file.
var files = map[string]string{
	"go.mod": "module boxoffice\n\ngo 1.24\n",
	"p/p.go": `package p

import _ "embed"

//go:embed greeting.txt
var Greeting string

func Add(a, b int) int { return a + b }

func Sub(a, b int) int { return a - b }

func Unused() int { return 1 }
`,
	"p/greeting.txt": "hello\n",
	"p/p_test.go": `package p

import "testing"

func TestAdd(t *testing.T) {
	t.Run("two and two", func(t *testing.T) {
		if Add(2, 2) != 4 {
			t.Fail()
		}
	})
	t.Run("one and zero", func(t *testing.T) {
		if Add(1, 0) != 1 {
			t.Fail()
		}
	})
}

func TestSub(t *testing.T) {
	if Sub(2, 1) != 1 {
		t.Fail()
	}
}

func TestGreeting(t *testing.T) {
	if Greeting != "hello\n" {
		t.Fail()
	}
}
`,
}

const tinyList = `[
{"name":"found","package":"p","file":"p/p.go","text":"a + b","replacement":"a * b","test":"TestAdd/one and zero","why":"w"},
{"name":"found in a file that is embedded","package":"p","file":"p/greeting.txt","text":"hello","replacement":"good bye","test":"TestGreeting","why":"w"},
{"name":"found by another","package":"p","file":"p/p.go","text":"a - b","replacement":"b - a","test":"TestAdd","why":"w"},
{"name":"passes for two and two","package":"p","file":"p/p.go","text":"a + b","replacement":"a * b + 0","test":"TestAdd/two and two","why":"w"},
{"name":"survives","package":"p","file":"p/p.go","text":"return 1","replacement":"return 2","test":"TestAdd","why":"no test checks it"},
{"name":"is not there","package":"p","file":"p/p.go","text":"a / b","replacement":"b / a","test":"TestAdd","why":"w"},
{"name":"is there twice","package":"p","file":"p/p.go","text":"(a, b int)","replacement":"(b, a int)","test":"TestAdd","why":"w"},
{"name":"does not compile","package":"p","file":"p/p.go","text":"a + b","replacement":"a + c","test":"TestAdd","why":"w"},
{"name":"does not end","package":"p","file":"p/p.go","text":"return a - b","replacement":"panic(a)","test":"TestSub","why":"w"}
]`

// tiny writes the module and changes to its folder.
func tiny(t *testing.T, list string, change map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		if changed, ok := change[name]; ok {
			text = changed
		}
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "list.json"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	t.Setenv("GOFLAGS", "")
	return root
}

func TestEveryOutcome(t *testing.T) {
	root := tiny(t, tinyList, nil)
	before := tree(t, root)
	var out, progress bytes.Buffer
	if code := run(t.Context(), []string{"--file", "list.json", "--json", "--jobs", "2"}, &out, &progress); code != cli.Failed {
		t.Fatalf("exit code %d: %s", code, progress.String())
	}
	var got struct {
		Mutants                   []result
		Found, Survived, NotTried int
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []struct {
		outcome outcome
		by      []string
	}{
		{found, []string{"TestAdd/one_and_zero"}}, {found, []string{"TestGreeting"}}, {foundElsewhere, []string{"TestSub"}},
		{foundElsewhere, []string{"TestAdd/one_and_zero"}}, {survived, nil}, {notOnce, nil}, {notOnce, nil}, {notCompiled, nil}, {found, []string{"TestSub"}},
	}
	for i, m := range got.Mutants {
		if m.Outcome != want[i].outcome || !slices.Equal(m.By, want[i].by) {
			t.Errorf("%s: %s by %v, want %s by %v: %s", m.Name, m.Outcome, m.By, want[i].outcome, want[i].by, m.Detail)
		}
	}
	if got.Found != 5 || got.Survived != 1 || got.NotTried != 3 {
		t.Errorf("%d found, %d survived, %d not tried", got.Found, got.Survived, got.NotTried)
	}
	if !slices.Equal(tree(t, root), before) {
		t.Error("the tree has changed")
	}
	for _, name := range []string{"found", "survives", "does not compile"} {
		if !strings.Contains(progress.String(), "p: "+name+"\n") {
			t.Errorf("no line of progress has %q:\n%s", name, progress.String())
		}
	}
}

// tree returns every file with its content.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	if err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, path+"\n"+string(text))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestExitCodesAndText(t *testing.T) {
	tiny(t, tinyList, nil)
	for name, c := range map[string]struct {
		args []string
		code int
		out  string
	}{
		"all found":       {[]string{"--file", "list.json", "found in"}, cli.Done, "1 mutants"},
		"one survives":    {[]string{"--file", "list.json", "survives"}, cli.Failed, "no test checks it"},
		"of no such name": {[]string{"--file", "list.json", "nothing"}, cli.Misused, ""},
		"the list":        {[]string{"--file", "list.json", "--list", "found"}, cli.Done, "p: found by another\n"},
		"no such list":    {[]string{"--file", "other.json"}, cli.Failed, ""},
		"no jobs":         {[]string{"--file", "list.json", "--jobs", "0"}, cli.Misused, ""},
		"no such flag":    {[]string{"--nothing"}, cli.Misused, ""},
		"help":            {[]string{"--help"}, cli.Done, "Usage: mutants"},
		"out of time":     {[]string{"--file", "list.json", "--timeout", "1ns", "survives"}, cli.Failed, ""},
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), c.args, &out, &errOut); code != c.code || !strings.Contains(out.String(), c.out) {
			t.Errorf("%s: exit code %d, want %d: %s%s", name, code, c.code, out.String(), errOut.String())
		}
	}
}

// Nothing is tried if a test fails without its mutant, or is skipped.
func TestATestThatFailsAnywayOrIsSkippedIsAnError(t *testing.T) {
	for problem, change := range map[string]map[string]string{
		"p fails without a mutant": {"p/greeting.txt": "good bye\n"},
		"TestSub did not run": {"p/p_test.go": strings.Replace(files["p/p_test.go"], "func TestSub(t *testing.T) {", `func TestSub(t *testing.T) {
	t.Skip("no tool")`, 1)},
		"TestAdd did not run": {"p/p_test.go": strings.Replace(files["p/p_test.go"], "func TestAdd(", "func TestAddition(", 1)},
	} {
		t.Run(problem, func(t *testing.T) {
			tiny(t, tinyList, change)
			var out, errOut bytes.Buffer
			if code := run(t.Context(), []string{"--file", "list.json"}, &out, &errOut); code != cli.Failed || !strings.Contains(errOut.String(), problem) {
				t.Errorf("exit code %d: %s%s", code, out.String(), errOut.String())
			}
		})
	}
}
