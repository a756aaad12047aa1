package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// git runs commands of git, each given as its arguments.
func (tr tree) git(commands ...[]string) {
	tr.t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		tr.t.Skip("needs git, which is not installed")
	}
	for _, arguments := range commands {
		if _, err := git(tr.t.Context(), tr.root, append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, arguments...)...); err != nil {
			tr.t.Fatal(err)
		}
	}
}

func (tr tree) commit() {
	tr.t.Helper()
	tr.git([]string{"init", "-q", "-b", "main"}, []string{"add", "-A"}, []string{"commit", "-q", "--allow-empty", "-m", "x"})
}

// before returns the versions that the contract is compared with, or the reason why there are none.
func (tr tree) before() []string {
	tr.t.Helper()
	content, err := os.ReadFile(filepath.Join(tr.root, contractFile))
	if err != nil {
		tr.t.Fatal(err)
	}
	commits, err := before(tr.t.Context(), tr.root, content)
	if len(commits) == 0 {
		return []string{err.Error()}
	}
	var found []string
	for _, from := range commits {
		version, err := show(tr.t.Context(), tr.root, from, contractFile)
		if err != nil {
			tr.t.Fatal(err)
		}
		found = append(found, string(version))
	}
	return found
}

// The contract is compared with the last commit's, or, when that has the same, with the one before its last change, however many
// commits ago that was, and then with those before that one.
func TestContractIsComparedWithTheOneBefore(t *testing.T) {
	tr := newTree(t)
	tr.commit()
	if got := tr.before(); !strings.Contains(got[0], "invalid object name") {
		t.Errorf("after the first commit it is compared with %s", got)
	}
	tr.write(contractFile, wider)
	if got := tr.before(); got[0] != contractV1 {
		t.Error("a change that is not committed is not compared with the last commit")
	}
	tr.commit()
	tr.write("other", "x")
	tr.commit()
	if got := tr.before(); got[0] != contractV1 {
		t.Error("a committed change is not compared with the version before it")
	}
	tr.write(contractFile, narrower)
	if got := tr.before(); !slices.Equal(got, []string{wider, contractV1}) {
		t.Errorf("the third version is compared with %q", got)
	}
}

// A branch is compared as a whole when it is merged, whatever each of its commits was compared with.
func TestMergeIsComparedWithTheVersionBeforeItsBranch(t *testing.T) {
	for name, both := range map[string]bool{"only the branch has changed the contract": false, "both sides have": true} {
		tr := newTree(t)
		tr.commit()
		tr.git([]string{"checkout", "-q", "-b", "branch"})
		tr.write(contractFile, narrower)
		tr.commit()
		tr.write(contractFile, narrower+"# x\n")
		tr.commit()
		tr.git([]string{"checkout", "-q", "main"})
		want := contractV1
		if both {
			want = "# y\n" + contractV1
			tr.write(contractFile, want)
		}
		tr.write("other", "x")
		tr.commit()
		tr.git([]string{"merge", "-q", "--no-ff", "-m", "x", "branch"})
		if got := tr.before(); got[0] != want {
			t.Errorf("%s: the merge is compared with %s", name, got[0])
		}
	}
}

// The versions before the changelog are not compared, since nobody was promised anything.
func TestVersionsBeforeTheChangelogAreNotCompared(t *testing.T) {
	tr := newTree(t)
	if err := os.Remove(filepath.Join(tr.root, changelogFile)); err != nil {
		t.Fatal(err)
	}
	tr.commit()
	for _, version := range []string{narrower, wider} {
		tr.write(contractFile, version)
		tr.write(changelogFile, "# "+version)
		tr.commit()
	}
	if got := tr.before(); !slices.Equal(got, []string{narrower}) {
		t.Errorf("compared with %q", got)
	}
}

// A shallow clone ends before the version to compare with: its history is fetched, and where it cannot be, the check says so.
func TestShallowCloneFetchesItsHistory(t *testing.T) {
	tr := newTree(t)
	tr.commit()
	tr.write(contractFile, wider)
	tr.commit()
	for name, origin := range map[string]bool{"from its origin": true, "without an origin": false} {
		clone := tree{t, filepath.Join(t.TempDir(), "clone")}
		tr.git([]string{"clone", "-q", "--depth", "1", "file://" + tr.root, clone.root})
		if got := clone.before(); got[0] == contractV1 {
			t.Fatal("the clone is not shallow")
		}
		if !origin {
			clone.git([]string{"remote", "remove", "origin"})
		}
		err := deepen(t.Context(), clone.root)
		if (err == nil) != origin || origin && clone.before()[0] != contractV1 {
			t.Errorf("%s: %v, compared with %q", name, err, clone.before())
		}
		if origin {
			continue
		}
		var out bytes.Buffer
		if err := check(t.Context(), clone.root, "no-such-program", &out); err != nil || !strings.Contains(out.String(), "not compared") || !strings.Contains(out.String(), "shallow") {
			t.Errorf("%s: %v: %s", name, err, &out)
		}
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

// full is a contract with everything that the rule speaks of.
const full = `openapi: 3.1.0
info: {title: x, version: "1"}
components:
  securitySchemes: {token: {type: http, scheme: bearer}}
  schemas:
    Code: {enum: [x, y]}
paths:
  /a:
    post:
      operationId: a
      security: [{token: []}]
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100, default: 20}}
        - {name: id, in: query, schema: {type: string, maxLength: 20}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, additionalProperties: false, required: [q], properties: {q: {type: string, maxLength: 20}, opt: {type: string}, kind: {enum: [k1, k2]}}}
      responses:
        "200":
          description: x
          headers: {ETag: {required: true, schema: {type: string}}, Opt: {schema: {type: string}}}
          content:
            application/json:
              schema: {type: object, required: [b], properties: {b: {type: string}, code: {$ref: "#/components/schemas/Code"}, n: {type: integer, minimum: 0}, optional: {type: string}}}
        "202": {description: y}
        "409": {description: z}
  /b:
    get:
      operationId: b
      responses: {"200": {description: x}}
`

// Each change of one place of the contract, and what is said about it; "" if it breaks nobody.
func TestEachKindOfChange(t *testing.T) {
	oasdiff := os.Getenv(Oasdiff)
	if oasdiff == "" {
		t.Skip("needs oasdiff, which `make contract` installs and names in " + Oasdiff)
	}
	for name, c := range map[string]struct{ old, changed, says string }{
		"a code of a response goes":              {"Code: {enum: [x, y]}", "Code: {enum: [x]}", "removed the `y` enum value"},
		"a code of a response is renamed":        {"Code: {enum: [x, y]}", "Code: {enum: [x, z]}", "removed the `y` enum value"},
		"a value of a request goes":              {"[k1, k2]", "[k1]", "removed the enum value `k2`"},
		"a new required member of a request":     {"required: [q], properties: {", "required: [q, r], properties: {r: {type: string}, ", "new required request property `r`"},
		"a member of a request becomes required": {"required: [q]", "required: [q, opt]", "became required"},
		"a member of a request goes":             {" opt: {type: string},", "", "removed the request property `opt`"},
		"a shorter text in a body":               {"q: {type: string, maxLength: 20}", "q: {type: string, maxLength: 10}", "maxLength was decreased"},
		"a shorter parameter":                    {"in: query, schema: {type: string, maxLength: 20}", "in: query, schema: {type: string, maxLength: 10}", "maxLength was decreased"},
		"a lower maximum":                        {"maximum: 100", "maximum: 50", "max was decreased"},
		"another default":                        {"default: 20", "default: 10", "default value was changed"},
		"a parameter goes":                       {"        - {name: id, in: query, schema: {type: string, maxLength: 20}}\n", "", "request parameter `id`"},
		"a success status goes":                  {"        \"202\": {description: y}\n", "", "`202`"},
		"an error status goes":                   {"        \"409\": {description: z}\n", "", "`409`"},
		"a new success status":                   {"\"202\": {description: y}", "\"202\": {description: y}\n        \"204\": {description: y}", "`204`"},
		"a required header goes":                 {"ETag: {required: true, schema: {type: string}}, ", "", "header `etag` removed"},
		"an optional header goes":                {", Opt: {schema: {type: string}}", "", "header `opt` removed"},
		"a header becomes optional":              {"ETag: {required: true,", "ETag: {", "became optional"},
		"an optional member of a response goes":  {", optional: {type: string}", "", "removed the optional property `optional`"},
		"a member of a response is of two types": {"n: {type: integer", "n: {type: [integer, \"null\"]", "became nullable"},
		"a member of another type":               {"n: {type: integer", "n: {type: string", "changed from `integer` to `string`"},
		"another media type":                     {"          application/json:\n            schema: {type: object, add", "          text/plain:\n            schema: {type: object, add", "media type `application/json`"},
		"a route becomes public":                 {"      security: [{token: []}]\n", "", "anonymous access"},
		"a route wants a token":                  {"operationId: b\n", "operationId: b\n      security: [{token: []}]\n", "anonymous access"},
		"a route wants a scope":                  {"token: []}]", "token: [operator]}]", "scope `operator`"},
		"a route goes":                           {"  /b:\n    get:\n      operationId: b\n      responses: {\"200\": {description: x}}\n", "", "path removed"},
		"an operation is renamed":                {"operationId: b", "operationId: c", "`b` removed"},

		"a new code of a response":           {"Code: {enum: [x, y]}", "Code: {enum: [x, y, z]}", ""},
		"a new value of a request":           {"[k1, k2]", "[k1, k2, k3]", ""},
		"a new member of a response":         {"optional: {type: string}", "optional: {type: string}, more: {type: string}", ""},
		"a new optional member of a request": {"opt: {type: string}", "opt: {type: string}, more: {type: string}", ""},
		"a new error status":                 {"\"409\": {description: z}", "\"409\": {description: z}\n        \"503\": {description: z}", ""},
		"a new route":                        {"  /b:\n", "  /c: {get: {responses: {\"200\": {description: x}}}}\n  /b:\n", ""},
		"another description":                {"{description: z}", "{description: w}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(full, c.old, c.changed, 1)
			if changed == full {
				t.Fatalf("the contract has no %q", c.old)
			}
			tr := newTree(t)
			tr.write(contractFile, full)
			tr.commit()
			tr.write(contractFile, changed)
			tr.write(changelogFile, "# Changes\n- something\n")
			var out bytes.Buffer
			err := check(t.Context(), tr.root, oasdiff, &out)
			if c.says == "" {
				if err != nil {
					t.Errorf("it breaks nobody: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "\nin API") {
				t.Fatalf("%v, want one about %q", err, c.says)
			}
			// Listed as the error says it, it passes.
			listed := ""
			for line := range strings.Lines(err.Error()) {
				if strings.HasPrefix(line, "in API") {
					listed += "- " + line
				}
			}
			tr.write(changelogFile, "# Changes\n"+listed)
			if err := check(t.Context(), tr.root, oasdiff, &out); err != nil {
				t.Errorf("listed, it fails: %v", err)
			}
		})
	}
}
