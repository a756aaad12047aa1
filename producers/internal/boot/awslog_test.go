package boot

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/telemetry"
)

// A retry of the SDK is logged as a line of JSON, without the request and the credentials.
func TestSDKRetryIsLoggedAsJSON(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "c4n4ry1", "AWS_SECRET_ACCESS_KEY": "c4n4ry2", "AWS_SESSION_TOKEN": "c4n4ry3",
	} {
		t.Setenv(name, value)
	}
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte(`{"MessageId":"m","MD5OfMessageBody":"x"}`))
	}))
	defer server.Close()
	var out bytes.Buffer
	cfg, err := LoadAWS(t.Context(), telemetry.NewLogger(&out, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		o.BaseEndpoint, o.DisableMessageChecksumValidation = aws.String(server.URL), true
	})
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(server.URL + "/q"), MessageBody: aws.String("c4n4ry4")}); err != nil {
		t.Fatal(err)
	}
	repeats := 0
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields["function"] != "orders" {
			t.Errorf("%q: %v", line, err)
		}
		if text, _ := fields["libraryMessage"].(string); strings.Contains(text, "attempt 2") {
			repeats++
		}
	}
	if repeats != 1 || asked.Load() != 2 || strings.Contains(out.String(), "c4n4ry") {
		t.Errorf("%d lines of %d calls: %s", repeats, asked.Load(), &out)
	}
}
