package runtimeapi

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"boxoffice/scripts/lambdahost/internal/echofn"
)

// BenchmarkInvoke measures a whole invocation: over the Runtime API to a process and back.
func BenchmarkInvoke(b *testing.B) {
	host, err := Start([]Function{{Name: "echo", Directory: echofn.Directory(b), Processes: 4, Timeout: 10 * time.Second}}, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := host.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	})
	payload := []byte(`{"do":"context"}`)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := host.Invoke(b.Context(), "echo", Invocation{Payload: payload}); err != nil {
				b.Error(err)
			}
		}
	})
}
