package boot

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts/telemetry"
)

// The tasks run concurrently and within their time, and none of them keeps a process from starting.
func TestWhatIsDoneBeforeTheFirstInvocation(t *testing.T) {
	var out bytes.Buffer
	w := &Warm{}
	done := make(chan string, 2)
	// Each waits for the other, so that one after the other would take all the time.
	first, second := make(chan bool), make(chan bool)
	w.Add("first", func(context.Context) error { close(first); <-second; done <- "first"; return nil })
	w.Add("second", func(context.Context) error { <-first; close(second); done <- "second"; return nil })
	w.Add("broken", func(context.Context) error { return errors.New("connection refused") })
	w.Add("panicking", func(context.Context) error { panic("boom") })
	w.Add("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	begun := time.Now()
	w.run(t.Context(), 50*time.Millisecond, telemetry.NewLogger(&out, "f"))
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

// A process asks for its first event when it is ready, and not before.
func TestAProcessIsReadyBeforeItsFirstInvocation(t *testing.T) {
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	var out bytes.Buffer
	ready := false
	_, err := start(t.Context(), "f", map[string]string{}, &out, func(_ context.Context, p Process, _ struct{}) (any, error) {
		p.Warm.Add("ready", func(context.Context) error { ready = true; return nil })
		return func(context.Context) error { return nil }, nil
	})
	if err != nil || !ready {
		t.Errorf("ready: %t, %v", ready, err)
	}
}
