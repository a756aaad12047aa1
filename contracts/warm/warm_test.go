package warm_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/warm"
)

// The tasks run concurrently and within their time, and no failure stops the process from starting.
func TestTasksRunConcurrentlyAndNeverFailTheStart(t *testing.T) {
	var out bytes.Buffer
	w := &warm.Tasks{}
	done := make(chan string, 2)
	// Each task waits for the other, so that running them one after the other would never end.
	first, second := make(chan bool), make(chan bool)
	w.Add("first", func(context.Context) error { close(first); <-second; done <- "first"; return nil })
	w.Add("second", func(context.Context) error { <-first; close(second); done <- "second"; return nil })
	w.Add("broken", func(context.Context) error { return errors.New("connection refused") })
	w.Add("panicking", func(context.Context) error { panic("boom") })
	w.Add("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	begun := time.Now()
	w.Run(t.Context(), 50*time.Millisecond, telemetry.NewLogger(&out, "f"))
	if took := time.Since(begun); len(done) != 2 || took > 10*time.Second {
		t.Errorf("%d done in %s", len(done), took)
	}
	for _, want := range []string{"invocation: broken", "connection refused", "invocation: panicking", "boom", "invocation: slow"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the log: %s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "first invocation: first") {
		t.Errorf("logged %s", out.String())
	}
}
