package gatewaypush_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/adapters/gatewaypush"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/retry"
)

// seen is a request to the management API.
type seen struct{ method, path, body, authorization string }

// gateway answers every request with a status and an error type, as API Gateway does. The local gateway is tested with this adapter's
// SDK in scripts/lambdahost.
func gateway(t *testing.T, status *int, code *string) (*gatewaypush.Gateway, *[]seen) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "1", "AWS_SECRET_ACCESS_KEY": "1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:1", // the address of other services must not be used
	} {
		t.Setenv(name, value)
	}
	var requests []seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests = append(requests, seen{r.Method, r.URL.Path, string(body), r.Header.Get("Authorization")})
		if *code != "" {
			w.Header().Set("X-Amzn-Errortype", *code)
		}
		w.WriteHeader(*status)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	config, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return gatewaypush.New(config, server.URL+"/push", retry.NoBreaker{}), &requests
}

func TestRequestsAreThoseOfTheManagementAPI(t *testing.T) {
	status, code := http.StatusOK, ""
	g, requests := gateway(t, &status, &code)
	if err := g.Post(t.Context(), "L0SM9cOFvHcCIhw=", []byte(`{"type":"order"}`)); err != nil {
		t.Fatal(err)
	}
	status = http.StatusNoContent
	if err := g.Close(t.Context(), "L0SM9cOFvHcCIhw="); err != nil {
		t.Fatal(err)
	}
	all := *requests
	if len(all) != 2 || all[0].method != http.MethodPost || all[1].method != http.MethodDelete || all[0].body != `{"type":"order"}` {
		t.Fatalf("%+v", all)
	}
	for _, r := range all {
		if r.path != "/push/@connections/L0SM9cOFvHcCIhw=" || !strings.Contains(r.authorization, "/execute-api/") {
			t.Errorf("%+v", r)
		}
	}
}

func TestErrorsAreClassified(t *testing.T) {
	status, code := 0, ""
	g, requests := gateway(t, &status, &code)
	for _, c := range []struct {
		status int
		code   string
		want   error
	}{
		{410, "GoneException", notify.ErrGone},
		{413, "PayloadTooLargeException", notify.ErrFrameRefused},
		{400, "BadRequestException", notify.ErrFrameRefused},
		{403, "ForbiddenException", nil},
		{429, "LimitExceededException", nil},
		{500, "InternalServerError", nil},
	} {
		status, code = c.status, c.code
		*requests = nil
		err := g.Post(t.Context(), "c", []byte("{}"))
		if err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && (gatewaypush.Healthy(err) || !retry.IsRetryable(err)) {
			t.Errorf("%d %s: %v", c.status, c.code, err)
		}
		if len(*requests) != 1 {
			t.Errorf("%d %s: %d requests: after a lost response the frame may have been sent", c.status, c.code, len(*requests))
		}
	}
}
