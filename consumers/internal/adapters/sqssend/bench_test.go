package sqssend_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/sqssend"
)

// instant succeeds at every send at once.
type instant struct{ sqssend.Client }

func (instant) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	out := &sqs.SendMessageBatchOutput{Successful: make([]types.SendMessageBatchResultEntry, len(in.Entries))}
	for i, e := range in.Entries {
		out.Successful[i].Id = e.Id
	}
	return out, nil
}

// BenchmarkSharedSend measures our own cost of a message that ten groups send together, without the SDK's.
func BenchmarkSharedSend(b *testing.B) {
	shared := newShared(instant{})
	var groups []func(context.Context)
	for n := range 10 {
		groups = append(groups, func(ctx context.Context) {
			if err := shared.Send(ctx, expiryOf("g", n)); err != nil {
				b.Error(err)
			}
		})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		together(b.Context(), shared, groups...)
	}
	runtime.ReadMemStats(&after)
	messages := float64(10 * b.N)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/messages/1000, "µs/message")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/messages, "allocs/message")
	b.ReportMetric(0, "ns/op")
}
