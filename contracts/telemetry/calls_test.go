package telemetry_test

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts/telemetry"
)

func lines(t *testing.T, text string) (all []map[string]any) {
	t.Helper()
	for _, l := range strings.SplitAfter(text, "\n") {
		if l != "" {
			all = append(all, line(t, l))
		}
	}
	return all
}

// There is one line for each dependency and result, with every value, in CloudWatch's format.
func TestCallsOfAnInvocation(t *testing.T) {
	var out bytes.Buffer
	calls := telemetry.NewCalls(telemetry.NewMeter(&out, "reserve", func() time.Time { return time.UnixMilli(1790000000123) }))
	calls.Add("redis", "ok", 1500*time.Microsecond)
	calls.Add("dynamodb", "ok", 12*time.Millisecond)
	calls.Add("dynamodb", "throttled", time.Second)
	calls.Add("redis", "open", 0)
	calls.Add("dynamodb", "ok", 999)
	if out.Len() > 0 {
		t.Errorf("written before the end: %s", &out)
	}
	calls.Flush()
	of := func(dependency, result string, values ...any) map[string]any {
		return map[string]any{
			"function": "reserve", "dependency": dependency, "result": result, "DependencyCall": values,
			"_aws": map[string]any{
				"Timestamp": 1790000000123.0,
				"CloudWatchMetrics": []any{map[string]any{
					"Namespace": "Boxoffice", "Dimensions": []any{[]any{"function", "dependency", "result"}},
					"Metrics": []any{map[string]any{"Name": "DependencyCall", "Unit": "Milliseconds"}},
				}},
			},
		}
	}
	want := []map[string]any{of("redis", "ok", 1.5), of("dynamodb", "ok", 12.0, 0.0), of("dynamodb", "throttled", 1000.0), of("redis", "open", 0.0)}
	if got := lines(t, out.String()); !reflect.DeepEqual(got, want) {
		t.Errorf("wrote %v\nwant %v", got, want)
	}
	// Each invocation has its own lines.
	out.Reset()
	calls.Flush()
	if out.Len() > 0 {
		t.Errorf("written twice: %s", &out)
	}
	calls.Add("redis", "ok", time.Millisecond)
	calls.Flush()
	if got := lines(t, out.String()); !reflect.DeepEqual(got, []map[string]any{of("redis", "ok", 1.0)}) {
		t.Errorf("wrote %v", got)
	}
}

// CloudWatch accepts a hundred values in a line. No value may be lost.
func TestCallsAreSplitAtAHundred(t *testing.T) {
	var out bytes.Buffer
	calls := telemetry.NewCalls(telemetry.NewMeter(&out, "reconcile", time.Now))
	var running sync.WaitGroup
	for n := range 5 {
		running.Go(func() {
			for i := range 50 {
				calls.Add("dynamodb", "ok", time.Duration(n*50+i)*time.Millisecond)
			}
		})
	}
	running.Wait()
	calls.Flush()
	seen := map[any]bool{}
	for _, l := range lines(t, out.String()) {
		values := l["DependencyCall"].([]any)
		if len(values) > 100 {
			t.Errorf("%d values in a line", len(values))
		}
		for _, v := range values {
			seen[v] = true
		}
	}
	if len(seen) != 250 {
		t.Errorf("%d values of 250", len(seen))
	}
}

func TestCallsNeverFailTheWork(t *testing.T) {
	var none *telemetry.Calls
	none.Add("redis", "ok", time.Second)
	none.Flush()
	for _, meter := range []*telemetry.Meter{nil, telemetry.NewMeter(brokenWriter{}, "f", time.Now)} {
		calls := telemetry.NewCalls(meter)
		calls.Add("redis", "ok", time.Second)
		calls.Flush()
	}
}

// BenchmarkCalls measures the cost of the calls of an invocation: for a batch of ten orders, and for one order.
func BenchmarkCalls(b *testing.B) {
	for _, puts := range []int{10, 1} {
		b.Run(fmt.Sprint(puts), func(b *testing.B) {
			calls := telemetry.NewCalls(telemetry.NewMeter(io.Discard, "reserve", time.Now))
			b.ReportAllocs()
			for b.Loop() {
				calls.Add("redis", "ok", 412*time.Microsecond)
				for range puts {
					calls.Add("dynamodb", "ok", 4213*time.Microsecond)
				}
				calls.Add("sqs", "ok", 8123*time.Microsecond)
				calls.Add("sqs", "ok", 7123*time.Microsecond)
				calls.Flush()
			}
		})
	}
}
