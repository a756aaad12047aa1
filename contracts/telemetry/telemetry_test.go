package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts/telemetry"
)

func line(t *testing.T, text string) map[string]any {
	t.Helper()
	if !strings.HasSuffix(text, "\n") || strings.Count(text, "\n") != 1 {
		t.Fatalf("%q is not one line", text)
	}
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestLoggerWritesOneObjectALine(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, "reserve")
	log.Debug("not written")
	log.Warn("message handled", telemetry.KeyOrder, "e1", telemetry.KeyError, errors.New("two\nlines").Error())
	fields := line(t, out.String())
	if at, err := time.Parse(time.RFC3339Nano, fields["time"].(string)); err != nil || time.Since(at).Abs() > time.Hour {
		t.Errorf("time %v, %v", fields["time"], err)
	}
	delete(fields, "time")
	want := map[string]any{"level": "WARN", "msg": "message handled", "function": "reserve", "orderId": "e1", "error": "two\nlines"}
	if !reflect.DeepEqual(fields, want) {
		t.Errorf("line %v, want %v", fields, want)
	}
}

// A line has CloudWatch's embedded metric format: one directive, whose dimensions and metrics are members of the line.
func TestMetricLine(t *testing.T) {
	var out bytes.Buffer
	meter := telemetry.NewMeter(&out, "reserve", func() time.Time { return time.UnixMilli(1790000000123) })
	meter.Put(telemetry.DecisionLag, 12.5, telemetry.Dimension{Name: "status", Value: "HELD"})
	want := map[string]any{
		"function": "reserve", "status": "HELD", "DecisionLag": 12.5,
		"_aws": map[string]any{
			"Timestamp": 1790000000123.0,
			"CloudWatchMetrics": []any{map[string]any{
				"Namespace": "Boxoffice", "Dimensions": []any{[]any{"function", "status"}},
				"Metrics": []any{map[string]any{"Name": "DecisionLag", "Unit": "Milliseconds"}},
			}},
		},
	}
	if fields := line(t, out.String()); !reflect.DeepEqual(fields, want) {
		t.Errorf("line %s", out.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestMeterNeverFailsTheWork(t *testing.T) {
	var none *telemetry.Meter
	none.Put(telemetry.OrdersAccepted, 1)
	telemetry.NewMeter(brokenWriter{}, "f", time.Now).Put(telemetry.OrdersAccepted, 1)
	var out bytes.Buffer
	telemetry.NewMeter(&out, "f", time.Now).Put(telemetry.DecisionLag, math.NaN())
	if out.Len() != 0 {
		t.Errorf("a number that JSON does not have was written: %s", &out)
	}
}

func TestMeterKeepsLinesApart(t *testing.T) {
	var out bytes.Buffer
	meter := telemetry.NewMeter(&out, "f", time.Now)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 50 {
				meter.Put(telemetry.OrdersAccepted, 1)
			}
		})
	}
	running.Wait()
	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 400 {
		t.Errorf("%d lines, want 400", len(lines))
	}
	for _, l := range lines {
		line(t, strings.TrimSuffix(l, "\n")+"\n")
	}
}

func TestMetricsHaveAUnitOfCloudWatch(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range []telemetry.Metric{
		telemetry.OrdersAccepted, telemetry.OrdersRefused, telemetry.OrdersDecided, telemetry.DecisionLag, telemetry.HoldsExpired,
		telemetry.GroupsLoaded, telemetry.MessagesReturned, telemetry.MessagesPoisoned, telemetry.BreakerOpened, telemetry.DependencyCall,
	} {
		if m.Unit != "Count" && m.Unit != "Milliseconds" {
			t.Errorf("%s has unit %s", m.Name, m.Unit)
		}
		if seen[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		seen[m.Name] = true
	}
}

// Queries and alarms use the log keys, so no key is defined twice, all have the same spelling, and none is a key of slog or
// CloudWatch.
func TestLogKeys(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "telemetry.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{"time": "slog", "level": "slog", "msg": "slog", "_aws": "CloudWatch"}
	keys := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Key") {
			return true
		}
		keys++
		name := spec.Names[0].Name
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil || !regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`).MatchString(value) {
			t.Errorf("%s is %q, %v", name, value, err)
		}
		if other, twice := seen[value]; twice {
			t.Errorf("%s and %s are both %q", name, other, value)
		}
		seen[value] = name
		return true
	})
	if keys < 20 {
		t.Errorf("only %d keys found", keys)
	}
}

func TestTraceTravelsInTheContext(t *testing.T) {
	if trace := telemetry.Trace(context.Background()); trace != "" {
		t.Errorf("trace %q without one", trace)
	}
	outer := telemetry.WithTrace(t.Context(), "a")
	inner := telemetry.WithTrace(outer, "b")
	if telemetry.Trace(outer) != "a" || telemetry.Trace(inner) != "b" {
		t.Errorf("traces %q and %q", telemetry.Trace(outer), telemetry.Trace(inner))
	}
}

func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]float64{0: 0, 1500 * time.Microsecond: 1.5, time.Minute: 60000, -time.Second: -1000, 999: 0} {
		if got := telemetry.Milliseconds(d); got != want {
			t.Errorf("%s is %v ms, want %v", d, got, want)
		}
	}
}
