package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const secretARN = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:dev/key-000000"

// ask reads the secret like a process that was started with these variables.
func ask(t *testing.T, environment []string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"http://localhost:"+variable(environment, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")+"/secretsmanager/get?secretId="+url.QueryEscape(secretARN), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Aws-Parameters-Secrets-Token", variable(environment, "AWS_SESSION_TOKEN"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func extensionOf(t *testing.T, environ ...string) *extension {
	t.Helper()
	e, err := startExtension(map[string]string{secretARN: "the value"}, environ, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.close() })
	return e
}

// Each process has its own token, and its first request finds the extension not ready.
func TestProcessesReadSecrets(t *testing.T) {
	e := extensionOf(t, "AWS_ACCESS_KEY_ID=x")
	tokens := map[string]bool{}
	for _, process := range []string{"pay-0-1", "pay-1-2", "pay-0-3"} {
		environment := e.environmentOf(process)
		tokens[variable(environment, "AWS_SESSION_TOKEN")] = true
		if status, body := ask(t, environment); status != 400 || !strings.Contains(body, "not ready to serve traffic") {
			t.Errorf("%s: first %d %s", process, status, body)
		}
		if status, body := ask(t, environment); status != 200 || !strings.Contains(body, `"SecretString":"the value"`) {
			t.Errorf("%s: then %d %s", process, status, body)
		}
	}
	if len(tokens) != 3 {
		t.Errorf("tokens %v", tokens)
	}
	for _, token := range []string{"", "x", variable(extensionOf(t).environmentOf("pay-0-1"), "AWS_SESSION_TOKEN")} {
		if status, _ := ask(t, []string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + e.port, "AWS_SESSION_TOKEN=" + token}); status != 403 {
			t.Errorf("token %q: %d", token, status)
		}
	}
}

// The host's session token belongs to its credentials, so functions keep it.
func TestFunctionsKeepTheHostsSessionToken(t *testing.T) {
	e := extensionOf(t, "AWS_SESSION_TOKEN=real")
	if environment := e.environmentOf("pay-0-1"); len(environment) != 1 {
		t.Errorf("a process gets %q besides the host's own", environment)
	}
	both := append(e.environmentOf("pay-0-1"), "AWS_SESSION_TOKEN=real")
	ask(t, both) // the first request finds it not ready
	if status, _ := ask(t, both); status != 200 {
		t.Errorf("status %d", status)
	}
}

func TestWithoutSecretsThereIsNoExtension(t *testing.T) {
	e, err := startExtension(nil, nil, nil)
	if err != nil || e != nil || e.environmentOf("pay-0-1") != nil || e.close() != nil {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestInvalidSecretsFileIsNotPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	if err := os.WriteFile(path, []byte(`{"a": c4n4ry}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (options{Secrets: path}).loadSecrets(); err == nil || strings.Contains(err.Error(), "c4n4ry") || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
}
