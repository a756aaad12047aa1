package boot

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"boxoffice/contracts/secrets"
)

// An extension that is ready only with the first invocation must not keep the function from its first invocation.
func TestAFunctionStartsWhenTheExtensionIsReady(t *testing.T) {
	builds, notReady := 0, fmt.Errorf("config: %w", errors.Join(fmt.Errorf("REDIS_PASSWORD: %w", secrets.ErrNotReady)))
	answers := []error{notReady, notReady, nil}
	handler, err := startOrLater(t.Context(), func(context.Context) (lambda.Handler, error) {
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

func TestAnyOtherFailureEndsTheStart(t *testing.T) {
	wrong := errors.New("REDIS_PASSWORD: there is no such secret")
	if handler, err := startOrLater(t.Context(), func(context.Context) (lambda.Handler, error) { return nil, wrong }); handler != nil || !errors.Is(err, wrong) {
		t.Errorf("%v, %v", handler, err)
	}
}
