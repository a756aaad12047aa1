package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/topology"
)

// series are the metrics that a package writes: plain without a dimension of their own, split with one.
type series struct{ plain, split map[string]bool }

// written returns which metrics each package of consumers and producers writes, by its import path.
func written(t *testing.T, all []pkg) map[string]series {
	t.Helper()
	found := map[string]series{}
	for _, p := range all {
		if side, _, _ := strings.Cut(p.path(), "/"); side != "consumers" && side != "producers" {
			continue
		}
		of := series{map[string]bool{}, map[string]bool{}}
		found[p.ImportPath] = of
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(node ast.Node) bool {
				metric, dimensions := put(node)
				if metric != "" && dimensions {
					of.split[metric] = true
				} else if metric != "" {
					of.plain[metric] = true
				}
				return true
			})
		}
	}
	return found
}

// linked returns a package and all packages of this module that it imports, directly or indirectly.
func linked(all []pkg, root string) []string {
	imports := map[string][]string{}
	for _, p := range all {
		imports[p.ImportPath] = p.Imports
	}
	seen, open := map[string]bool{}, []string{root}
	for len(open) > 0 {
		next := open[0]
		open = open[1:]
		if own, found := imports[next]; found && !seen[next] {
			seen[next] = true
			open = append(open, own...)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// sum returns what several packages write together.
func sum(by map[string]series, packages []string) series {
	total := series{map[string]bool{}, map[string]bool{}}
	for _, p := range packages {
		maps.Copy(total.plain, by[p].plain)
		maps.Copy(total.split, by[p].split)
	}
	return total
}

// unwritten returns why we write no series for the alarm, "" if we write one. by has the series of packages.
func unwritten(a topology.Alarm, s topology.Topology, all []pkg, by map[string]series) string {
	everywhere := sum(by, slices.Collect(maps.Keys(by)))
	if !everywhere.plain[a.Metric] && !everywhere.split[a.Metric] {
		return "no package writes " + a.Metric
	}
	f, found := s.FunctionNamed(a.Function)
	if !found {
		return ""
	}
	switch of := sum(by, linked(all, module+"/"+f.Side+"/cmd/"+f.Name)); {
	case of.split[a.Metric]:
		return a.Metric + " is written with a further dimension, so " + f.Name + " has no series of its own"
	case !of.plain[a.Metric]:
		return f.Name + " has no package that writes " + a.Metric
	}
	return ""
}

// An alarm of a function's metric watches the series whose only dimension is the function. An alarm of a series that is never
// written is never raised. So every metric with an alarm must be written, and if the alarm names a function, a package of that
// function must write it without a further dimension.
func TestEveryAlarmHasASeriesThatIsWritten(t *testing.T) {
	all := packages(t)
	by := written(t, all)
	if total := sum(by, slices.Collect(maps.Keys(by))); len(total.plain) < 10 || len(total.split) < 3 {
		t.Fatalf("found %d metrics without and %d with a dimension of their own", len(total.plain), len(total.split))
	}
	s, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range s.Alarms {
		if a.Namespace != "" {
			continue
		}
		if why := unwritten(a, s, all, by); why != "" {
			t.Errorf("alarm %s: %s", a.Name, why)
		}
	}
	// Each of these names a function that does not write the metric, or a metric that does not exist.
	for _, a := range []topology.Alarm{
		{Metric: "DecisionLag", Function: "pay"}, {Metric: "DecisionLag", Function: "expire"}, {Metric: "EventsOfOtherMode", Function: "pay"},
		{Metric: "MirrorLag", Function: "publish"}, {Metric: "OrdersDecided", Function: "reserve"}, {Metric: "Nonsense"},
	} {
		if unwritten(a, s, all, by) == "" {
			t.Errorf("an alarm of %s of %q would never be raised, and is accepted", a.Metric, a.Function)
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
