package sqsbatch_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memattempts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// BenchmarkBatch measures the cost of sqsbatch itself, with its log, for batches of 10 and handlers that do nothing. The budget
// of a whole message without I/O is 25 µs and 100 allocations.
func BenchmarkBatch(b *testing.B) {
	for _, c := range []struct {
		name             string
		groups, receives int
		runs             bool
	}{
		{"one group, one by one", 1, 1, false},
		{"one group, a run", 1, 1, true},
		{"one group, a run, noted", 1, 2, true},
		{"ten groups", 10, 1, true},
		{"ten groups, noted", 10, 2, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			var event events.SQSEvent
			for n := range 10 {
				r := record(fmt.Sprintf("%c%d", 'a'+n%c.groups, n))
				r.Attributes["ApproximateReceiveCount"] = fmt.Sprint(c.receives)
				event.Records = append(event.Records, r)
			}
			options := sqsbatch.Options{
				Logger: telemetry.NewLogger(io.Discard, "bench"), Meter: telemetry.NewMeter(io.Discard, "bench", time.Now),
				Attempts: &memattempts.Notes{},
			}
			if c.runs {
				options.Runs = &sqsbatch.Runs{
					Joins: func(d message.Delivery) bool { return d.Attributes.Kind == message.KindPlaceOrder },
					Handle: func(_ context.Context, run []message.Delivery) []error {
						outcomes := make([]error, len(run))
						for i := range outcomes {
							outcomes[i] = nil
						}
						return outcomes
					},
				}
			}
			batches := sqsbatch.New(func(context.Context, message.Delivery) error { return nil }, &world{}, (&world{}).bury, options)
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				if response, err := batches.Handle(ctx, event); err != nil || len(response.BatchItemFailures) != 0 {
					b.Fatal(response, err)
				}
			}
			runtime.ReadMemStats(&after)
			messages := float64(10 * b.N)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/messages/1000, "µs/message")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/messages, "allocs/message")
			b.ReportMetric(0, "ns/op")
		})
	}
}
