package architecture

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "boxoffice"

type pkg struct {
	ImportPath string
	Name       string
	Dir        string
	GoFiles    []string
	Imports    []string
	Doc        string
	Standard   bool
}

// path returns the package's path without the module's name.
func (p pkg) path() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// packages lists every package of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Dir,GoFiles,Imports,Doc", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 20 {
		t.Fatalf("go list found %d packages only", len(all))
	}
	return all
}

func matches(pattern, path string) bool {
	if below, all := strings.CutSuffix(pattern, "/..."); all {
		return path == below || strings.HasPrefix(path, below+"/")
	}
	return pattern == path
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// standard reports whether a path is of the standard library: such paths have no dot in their first part.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != module
}

func (r rule) allows(path string) bool {
	if own, ok := strings.CutPrefix(path, module+"/"); ok {
		return matchesAny(r.may, own)
	}
	return standard(path) || slices.Contains(r.may, "*") || matchesAny(r.may, path)
}

// ruleOf returns the first rule for a package.
func ruleOf(path string) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return matchesAny(r.from, path) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		r, found := ruleOf(p.path())
		if !found {
			t.Errorf("%s has no rule: add to rules_test.go what it may import, and why", p.path())
			continue
		}
		for _, imported := range p.Imports {
			if !r.allows(imported) {
				t.Errorf("%s imports %s: %s", p.path(), imported, r.why)
			}
		}
		if several := r.several(p.Imports); len(several) > 1 {
			t.Errorf("%s imports %s: %s", p.path(), strings.Join(several, " and "), r.why)
		}
	}
}

// several returns those of the rule's oneOf that a package imports.
func (r rule) several(imports []string) (used []string) {
	for _, pattern := range r.oneOf {
		if slices.ContainsFunc(imports, func(path string) bool { return matches(pattern, path) }) {
			used = append(used, pattern)
		}
	}
	return used
}

// Nothing that ships imports a store in memory or what only tests use.
func TestNothingThatShipsImportsTestSupport(t *testing.T) {
	for _, p := range packages(t) {
		if matchesAny(testOnly, p.path()) || matches("scripts/...", p.path()) {
			continue
		}
		for _, imported := range p.Imports {
			if matchesAny(testOnly, strings.TrimPrefix(imported, module+"/")) {
				t.Errorf("%s ships and imports %s, which only tests may use", p.path(), imported)
			}
		}
	}
}

// A rule without a package is left over from an earlier tree.
func TestEveryRuleIsUsed(t *testing.T) {
	all := packages(t)
	for _, r := range rules {
		for _, from := range r.from {
			if !slices.ContainsFunc(all, func(p pkg) bool { return matches(from, p.path()) }) {
				t.Errorf("there is no package %s", from)
			}
		}
	}
}

func TestRulesRefuseForbiddenImports(t *testing.T) {
	for path, imported := range map[string]string{
		"contracts/message":                       "github.com/redis/go-redis/v9",
		"consumers/internal/reserve":              "boxoffice/consumers/internal/adapters/redishold",
		"consumers/internal/adapters/redishold":   "boxoffice/consumers/internal/adapters/dynamoorder",
		"consumers/internal/expire":               "github.com/aws/aws-sdk-go-v2/service/sqs",
		"producers/internal/admission":            "boxoffice/producers/internal/redisread",
		"producers/cmd/orders":                    "boxoffice/consumers/internal/order",
		"producers/internal/webhook":              "github.com/stripe/stripe-go/v76/webhook",
		"scripts/devstack":                        "boxoffice/producers/internal/boot",
		"consumers/internal/adapters/dynamoorder": "github.com/aws/aws-lambda-go/events",
	} {
		r, found := ruleOf(path)
		if !found || r.allows(imported) {
			t.Errorf("%s may import %s", path, imported)
		}
	}
	r, _ := ruleOf("consumers/internal/adapters/dynamoorder")
	if several := r.several([]string{"github.com/aws/aws-sdk-go-v2/service/dynamodb/types", "github.com/redis/go-redis/v9"}); len(several) != 2 {
		t.Errorf("an adapter may have two SDKs: %v", several)
	}
}

func TestPurePackagesReadNeitherClockNorRandomness(t *testing.T) {
	for _, p := range packages(t) {
		if !matchesAny(pure, p.path()) {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(impureImports, imported) {
				t.Errorf("%s imports %s: a pure package is given what it needs, so that one seed and one clock reproduce a run", p.path(), imported)
			}
		}
		for _, name := range p.GoFiles {
			for _, call := range impureCallsIn(t, filepath.Join(p.Dir, name)) {
				t.Errorf("%s/%s calls %s: time is a parameter of a pure package", p.path(), name, call)
			}
		}
	}
}

// impureCallsIn returns the uses of functions that read the clock. It knows under which name the file imports their package.
func impureCallsIn(t *testing.T, file string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, i := range tree.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = path
	}
	var found []string
	ast.Inspect(tree, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && slices.Contains(impureCalls[names[x.Name]], s.Sel.Name) {
			found = append(found, names[x.Name]+"."+s.Sel.Name)
		}
		return true
	})
	return found
}

func TestEveryPackageHasAPackageComment(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment: a reader should find every behaviour by reading the tree", p.path())
		}
	}
}

// maxMain bounds the lines of the main.go of a deployed function.
const maxMain = 16

func TestMainOfAFunctionIsShort(t *testing.T) {
	found := 0
	for _, p := range packages(t) {
		if !strings.Contains(p.path(), "/cmd/") {
			continue
		}
		found++
		fset := token.NewFileSet()
		file := filepath.Join(p.Dir, "main.go")
		tree, err := parser.ParseFile(fset, file, nil, 0)
		if err != nil {
			t.Errorf("%s: %v", p.path(), err)
			continue
		}
		if lines := fset.Position(tree.End()).Line; lines > maxMain {
			t.Errorf("%s/main.go has %d lines: main should have about ten, and only wire the program", p.path(), lines)
		}
	}
	if found == 0 {
		t.Error("no function was found")
	}
}
