package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/contracts/telemetry"
)

type handlerFunc func(context.Context) error

// Invoke implements lambda.Handler.
func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return payload, f(ctx)
}

type key struct{}

// A handler that works until its context ends has answered 300 ms before Lambda kills the process.
func TestContextEndsBeforeInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, timeout := range []time.Duration{5 * time.Second, 100 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "kept"), timeout)
			begun := time.Now()
			answer, err := inTime{handlerFunc(func(ctx context.Context) error {
				<-ctx.Done()
				if ctx.Value(key{}) != "kept" {
					t.Error("a value of the context is lost")
				}
				return context.Cause(ctx)
			})}.Invoke(ctx, []byte("x"))
			cancel()
			if took, want := time.Since(begun), max(0, timeout-300*time.Millisecond); took != want || string(answer) != "x" || want > 0 && !errors.Is(err, errTimeOver) {
				t.Errorf("of %s it used %s, want %s: %s, %v", timeout, took, want, answer, err)
			}
		}
	})
}

func TestInvocationWithoutDeadlineHasNone(t *testing.T) {
	_, err := inTime{handlerFunc(func(ctx context.Context) error {
		if end, limited := ctx.Deadline(); limited {
			t.Errorf("ends at %s", end)
		}
		return nil
	})}.Invoke(t.Context(), nil)
	if err != nil {
		t.Error(err)
	}
}

// What a library prints through package log is a line of JSON like all others.
func TestLibraryOutputIsJSON(t *testing.T) {
	before, flags, writer := slog.Default(), log.Flags(), log.Writer()
	defer func() { slog.SetDefault(before); log.SetFlags(flags); log.SetOutput(writer) }()
	var out bytes.Buffer
	logLibraries(telemetry.NewLogger(&out, "pay"))
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "x", "y")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["function"] != "pay" || !strings.Contains(line["msg"].(string), "Unsolicited") {
		t.Errorf("printed %s: %v", &out, err)
	}
}
