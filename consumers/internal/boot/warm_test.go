package boot

import (
	"bytes"
	"context"
	"os"
	"testing"
)

// A process asks for its first event only after its warm tasks have run.
func TestTasksRunBeforeTheFirstInvocation(t *testing.T) {
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
