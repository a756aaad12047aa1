package invocation

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/contracts/secrets"
)

type handlerFunc func(context.Context) error

// Invoke implements Handler.
func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return payload, f(ctx)
}

// The secrets extension may become ready only with the first invocation; the start must not wait for it.
func TestFirstInvocationStartsOnceExtensionIsReady(t *testing.T) {
	builds, notReady := 0, fmt.Errorf("config: %w", errors.Join(fmt.Errorf("REDIS_PASSWORD: %w", secrets.ErrNotReady)))
	answers := []error{notReady, notReady, nil}
	handler, err := StartOrLater(t.Context(), func(context.Context) (Handler, error) {
		builds++
		if err := answers[builds-1]; err != nil {
			return nil, err
		}
		return handlerFunc(func(context.Context) error { return nil }), nil
	})
	if err != nil || builds != 1 {
		t.Fatalf("built %d times, %v", builds, err)
	}
	if _, err := handler.Invoke(t.Context(), nil); !errors.Is(err, secrets.ErrNotReady) || builds != 2 {
		t.Errorf("an invocation while it is not ready: built %d times, %v", builds, err)
	}
	for range 2 {
		if answer, err := handler.Invoke(t.Context(), []byte("x")); err != nil || string(answer) != "x" || builds != 3 {
			t.Errorf("an invocation once it is: %s, built %d times, %v", answer, builds, err)
		}
	}
}

func TestOtherFailureEndsTheStart(t *testing.T) {
	wrong := errors.New("REDIS_PASSWORD: there is no such secret")
	if handler, err := StartOrLater(t.Context(), func(context.Context) (Handler, error) { return nil, wrong }); handler != nil || !errors.Is(err, wrong) {
		t.Errorf("%v, %v", handler, err)
	}
}

// However a function was started, its handler's context ends 300 ms before the invocation does, and not sooner.
func TestAnswerTimeIsReservedOnce(t *testing.T) {
	for name, answers := range map[string][]error{"at once": {nil}, "later": {secrets.ErrNotReady, nil}} {
		synctest.Test(t, func(t *testing.T) {
			handler, err := StartOrLater(t.Context(), func(context.Context) (Handler, error) {
				err := answers[0]
				answers = answers[1:]
				return handlerFunc(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }), err
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				begun := time.Now()
				_, err := handler.Invoke(ctx, nil)
				cancel()
				if took := time.Since(begun); took != 4700*time.Millisecond || !errors.Is(err, errTimeOver) {
					t.Errorf("%s: ended after %s, %v", name, took, err)
				}
			}
		})
	}
}

type key struct{}

// A handler that works until its context ends has returned 300 ms before Lambda kills the process.
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
