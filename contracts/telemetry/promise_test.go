package telemetry_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"boxoffice/contracts/telemetry"
)

// For each new metric its author must decide whether it needs an alarm.
func TestEveryMetricIsABrokenPromiseOrAFigure(t *testing.T) {
	declared := metrics(t)
	if len(declared) < 30 {
		t.Fatalf("only %d metrics found", len(declared))
	}
	for _, m := range declared {
		promise, figure := slices.Contains(telemetry.BrokenPromises, m), slices.Contains(telemetry.Figures, m)
		if promise == figure {
			t.Errorf("%s must be in one of BrokenPromises and Figures: in the first %t, in the second %t", m.Name, promise, figure)
		}
	}
	if listed := len(telemetry.BrokenPromises) + len(telemetry.Figures); listed != len(declared) {
		t.Errorf("%d metrics are listed, %d are declared", listed, len(declared))
	}
}

// metrics are the literals of type Metric in metric.go.
func metrics(t *testing.T) []telemetry.Metric {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "metric.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []telemetry.Metric
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.CompositeLit)
		if !ok || len(literal.Elts) != 2 {
			return true
		}
		if name, ok := literal.Type.(*ast.Ident); !ok || name.Name != "Metric" {
			return true
		}
		var texts [2]string
		for i, e := range literal.Elts {
			if texts[i], err = strconv.Unquote(e.(*ast.BasicLit).Value); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, telemetry.Metric{Name: texts[0], Unit: texts[1]})
		return true
	})
	return all
}
