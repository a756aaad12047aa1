package boot

import (
	"bytes"
	"context"
	"os"
	"testing"

	"boxoffice/producers/internal/httpapi"
)

// A process asks for its first event once it is ready, and not before.
func TestProcessIsReadyBeforeFirstInvocation(t *testing.T) {
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	var out bytes.Buffer
	ready := false
	_, err := start(t.Context(), "f", map[string]string{}, &out, func(p Process, _ struct{}) (map[string]httpapi.Handler, error) {
		p.Warm.Add("ready", func(context.Context) error { ready = true; return nil })
		return nil, nil
	})
	if err != nil || !ready {
		t.Errorf("ready: %t, %v", ready, err)
	}
}
