package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Oasdiff is the environment variable that names the program oasdiff. `make contract` sets it.
const Oasdiff = "BOXOFFICE_OASDIFF"

const contractV1 = `openapi: 3.1.0
info: {title: x, version: "1"}
paths:
  /a:
    get:
      responses:
        "200":
          description: x
          content:
            application/json:
              schema: {type: object, required: [b], properties: {b: {type: string}, code: {enum: [x]}}}
`

var (
	wider    = strings.Replace(contractV1, "code: {enum: [x]}", "code: {enum: [x, y]}, c: {type: string}", 1)
	narrower = strings.Replace(contractV1, "required: [b], ", "", 1)
)

// tree is a module's root with a contract, a changelog and the severities of the project.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T) tree {
	t.Helper()
	severity, err := os.ReadFile(filepath.Join("..", "..", severityFile))
	if err != nil {
		t.Fatal(err)
	}
	tr := tree{t, t.TempDir()}
	tr.write(severityFile, string(severity))
	tr.write(contractFile, contractV1)
	tr.write(changelogFile, "# Changes\n")
	return tr
}

func (tr tree) write(file, content string) {
	tr.t.Helper()
	path := filepath.Join(tr.root, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr tree) commit() {
	tr.t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		tr.t.Skip("needs git, which is not installed")
	}
	for _, arguments := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m", "x"}} {
		if _, err := git(tr.t.Context(), tr.root, arguments...); err != nil {
			tr.t.Fatal(err)
		}
	}
}

// The contract is compared with the last commit's, or, when that has the same, with the one before its last change, however many
// commits ago that was.
func TestContractIsComparedWithTheOneBefore(t *testing.T) {
	tr := newTree(t)
	tr.commit()
	old := func() string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(tr.root, contractFile))
		if err != nil {
			t.Fatal(err)
		}
		from, err := before(t.Context(), tr.root, content)
		if err != nil {
			return err.Error()
		}
		found, err := show(t.Context(), tr.root, from, contractFile)
		if err != nil {
			t.Fatal(err)
		}
		return string(found)
	}
	if got := old(); !strings.Contains(got, "invalid object name") {
		t.Errorf("after the first commit it is compared with %s", got)
	}
	tr.write(contractFile, wider)
	if old() != contractV1 {
		t.Error("a change that is not committed is not compared with the last commit")
	}
	tr.commit()
	tr.write("other", "x")
	tr.commit()
	if old() != contractV1 {
		t.Error("a committed change is not compared with the version before it")
	}
}

// A tree without its history, as from a tarball, is not compared, and says why.
func TestTreeWithoutHistorySaysWhyItIsNotCompared(t *testing.T) {
	tr := newTree(t)
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(tr.root))
	var out bytes.Buffer
	if err := check(t.Context(), tr.root, "no-such-program", &out); err != nil || !strings.Contains(out.String(), "not compared, since") {
		t.Errorf("%v: %s", err, &out)
	}
}

func TestChangesThatTheRuleForbids(t *testing.T) {
	oasdiff := os.Getenv(Oasdiff)
	if oasdiff == "" {
		t.Skip("needs oasdiff, which `make contract` installs and names in " + Oasdiff)
	}
	for name, c := range map[string]struct {
		contract, changelog string
		says                string
	}{
		"a comment":                        {contractV1 + "# x\n", "", ""},
		"a member and a code more":         {wider, "- more\n", ""},
		"the same without an entry":        {wider, "", "CHANGELOG.md has not"},
		"a member less":                    {narrower, "- less\n", "in API GET /a"},
		"a member less, listed":            {narrower, "- in API GET /a the response property `b` became optional for the status `200`: nobody used it\n", ""},
		"a member less, listed for others": {narrower, "- in API GET /c the response property `b` became optional for the status `200`: nobody used it\n", "in API GET /a"},
		"no contract":                      {"x", "- x\n", "oasdiff"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			tr.commit()
			tr.write(contractFile, c.contract)
			tr.write(changelogFile, "# Changes\n"+c.changelog)
			var out bytes.Buffer
			err := check(t.Context(), tr.root, oasdiff, &out)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q; printed %s", err, c.says, &out)
			}
		})
	}
}
