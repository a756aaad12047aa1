package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lambdahostWith starts a process that looks like a lambdahost with these arguments. It runs until the test ends.
func lambdahostWith(t *testing.T, arguments ...string) *stack {
	t.Helper()
	command := exec.Command("sh", append([]string{"-c", "read line", lambdahost}, arguments...)...)
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // which ends it
		_ = command.Wait()
	})
	// The kernel shows the arguments a little after the start of the program.
	for deadline := time.Now().Add(10 * time.Second); ; {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", command.Process.Pid))
		if err == nil && strings.Contains(string(line), lambdahost) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the arguments are %q, %v", line, err)
		}
	}
	return &stack{servers: []server{{Name: "redis", PID: 1}, {Name: lambdahost, PID: command.Process.Pid}}}
}

// While lambdahost is stopped, functions get their secrets from measure.
func TestSecretsOfAStackAreServed(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:measure/stripe-api-000000"
	path := filepath.Join(t.TempDir(), "secrets.json")
	if err := os.WriteFile(path, []byte(`{"`+arn+`":"the value"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	variable, end, err := lambdahostWith(t, "--values", "x", "--secrets", path, "--listen", "y").serveSecrets()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = end() }()
	port, named := strings.CutPrefix(variable, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=")
	if !named {
		t.Fatalf("variable %s", variable)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:"+port+"/secretsmanager/get?secretId="+url.QueryEscape(arn), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Aws-Parameters-Secrets-Token", "any")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != 200 || !strings.Contains(string(body), "the value") {
		t.Errorf("the response is %d %s, %v", response.StatusCode, body, err)
	}
}

func TestAStackWithoutSecretsIsAnError(t *testing.T) {
	for want, s := range map[string]*stack{
		"without --secrets": lambdahostWith(t, "--values", "x"), "has no lambdahost": {servers: []server{{Name: "redis", PID: 1}}},
		"no such file": lambdahostWith(t, "--secrets", filepath.Join(t.TempDir(), "absent")),
	} {
		if _, _, err := s.serveSecrets(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
