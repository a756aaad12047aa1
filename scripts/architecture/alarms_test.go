package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/contracts/topology"
)

// An alarm on a function's metric is of the series that has the function alone as its dimension: CloudWatch shows no other one
// under that name, and an alarm of a series that nobody writes is never raised. So every metric that has an alarm is written
// somewhere, and without a further dimension where the alarm names a function.
func TestAlarmsAreOfSeriesThatAreWritten(t *testing.T) {
	plain, split := map[string]bool{}, map[string]bool{}
	for _, p := range packages(t) {
		if side, _, _ := strings.Cut(p.path(), "/"); side != "consumers" && side != "producers" {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(node ast.Node) bool {
				metric, dimensions := put(node)
				if metric != "" && dimensions {
					split[metric] = true
				} else if metric != "" {
					plain[metric] = true
				}
				return true
			})
		}
	}
	if len(plain) < 10 || len(split) < 3 {
		t.Fatalf("found %d metrics without and %d with a dimension of their own", len(plain), len(split))
	}
	s, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range s.Alarms {
		switch {
		case a.Namespace != "":
		case !plain[a.Metric] && !split[a.Metric]:
			t.Errorf("alarm %s: nobody writes %s", a.Name, a.Metric)
		case a.Function != "" && (split[a.Metric] || !plain[a.Metric]):
			t.Errorf("alarm %s: %s is written with a further dimension, so %s has no series of its own", a.Name, a.Metric, a.Function)
		}
	}
}

// put reads a call x.Put(telemetry.Metric, value, dimensions...). It returns "" for anything else.
func put(node ast.Node) (metric string, dimensions bool) {
	call, ok := node.(*ast.CallExpr)
	if !ok || len(call.Args) < 2 {
		return "", false
	}
	if method, ok := call.Fun.(*ast.SelectorExpr); !ok || method.Sel.Name != "Put" {
		return "", false
	}
	name, ok := call.Args[0].(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	if from, ok := name.X.(*ast.Ident); !ok || from.Name != "telemetry" {
		return "", false
	}
	return name.Sel.Name, len(call.Args) > 2
}
