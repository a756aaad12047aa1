package secretsextension_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"boxoffice/scripts/internal/secretsextension"
)

const arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:dev/a+b=c-000000"

func TestResponses(t *testing.T) {
	known := "/secretsmanager/get?secretId=" + url.QueryEscape(arn)
	for name, c := range map[string]struct {
		method, path, token string
		status              int
		says                string
	}{
		"known":          {"GET", known, "good", 200, `"SecretString":"the \"value\""`},
		"another token":  {"GET", known, "bad", 403, "token"},
		"no token":       {"GET", known, "", 403, "token"},
		"unknown secret": {"GET", "/secretsmanager/get?secretId=x", "good", 400, "ResourceNotFoundException"},
		"no secret":      {"GET", "/secretsmanager/get", "good", 400, "ResourceNotFoundException"},
		"a parameter":    {"GET", "/systemsmanager/parameters/get?name=x", "good", 404, ""},
		"a write":        {"POST", known, "good", 405, ""},
	} {
		e := &secretsextension.Extension{Secrets: map[string]string{arn: `the "value"`}, Valid: func(token string) bool { return token == "good" }}
		got := ask(t, e, c.method, c.path, c.token)
		if got.Code != c.status || !strings.Contains(got.Body.String(), c.says) || c.status != 200 && strings.Contains(got.Body.String(), "value") {
			t.Errorf("%s: %d %s", name, got.Code, got.Body)
		}
		if c.status == 200 && !json.Valid(got.Body.Bytes()) {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
}

func TestTheFirstRequestsOfEachTokenAreNotReady(t *testing.T) {
	e := &secretsextension.Extension{Secrets: map[string]string{arn: "v"}, Valid: func(string) bool { return true }, NotReady: 2}
	for _, token := range []string{"one", "two"} {
		for n, want := range []int{400, 400, 200, 200} {
			got := ask(t, e, "GET", "/secretsmanager/get?secretId="+url.QueryEscape(arn), token)
			if got.Code != want || want == 400 && !strings.Contains(got.Body.String(), "not ready to serve traffic") {
				t.Errorf("%s, request %d: %d %s", token, n, got.Code, got.Body)
			}
		}
	}
}

func ask(t *testing.T, h http.Handler, method, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if token != "" {
		request.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	}
	response := httptest.NewRecorder()
	h.ServeHTTP(response, request)
	return response
}
