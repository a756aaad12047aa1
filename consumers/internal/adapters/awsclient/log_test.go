package awsclient_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/aws/smithy-go/logging"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/contracts/telemetry"
)

func TestSDKLogIsJSON(t *testing.T) {
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	var out bytes.Buffer
	cfg, err := awsclient.Load(t.Context(), awsclient.LogTo(telemetry.NewLogger(&out, "reserve")))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.ClientLogMode != 0 {
		t.Errorf("log mode %v: nothing of a request is wanted", cfg.ClientLogMode)
	}
	for _, c := range []struct {
		class logging.Classification
		level string
	}{{logging.Warn, "WARN"}, {logging.Debug, "INFO"}} {
		out.Reset()
		logging.WithContext(telemetry.WithTrace(t.Context(), "Root=1-x"), cfg.Logger).Logf(c.class, "attempt %d\nof %q", 2, "x")
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", &out, err)
		}
		delete(line, "time")
		if line["level"] != c.level || line["libraryMessage"] != "attempt 2\nof \"x\"" || line["dependency"] != "aws" || line["function"] != "reserve" || line["trace"] != "Root=1-x" {
			t.Errorf("wrote %v", line)
		}
	}
	out.Reset()
	cfg.Logger.Logf(logging.Warn, "without a context")
	if !json.Valid(out.Bytes()) || out.Len() == 0 {
		t.Errorf("wrote %s", &out)
	}
}
