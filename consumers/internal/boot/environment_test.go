package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"boxoffice/contracts/message"
)

const (
	arn   = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dev/key-AbCdEf"
	value = "c4n4ry \"of\" a secret"
)

// extension serves one secret to requests with the token. Its first answers are those of an extension that is starting.
func extension(t *testing.T, starting int32) (port string) {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Aws-Parameters-Secrets-Token") != "session":
			http.Error(w, value, http.StatusForbidden)
		case asked.Add(1) <= starting:
			http.Error(w, "not ready to serve traffic, please wait", http.StatusBadRequest)
		case r.URL.Query().Get("secretId") != arn:
			http.Error(w, "ResourceNotFoundException: "+value, http.StatusBadRequest)
		default:
			_, _ = fmt.Fprintf(w, `{"SecretString":%q}`, value)
		}
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

type secretConfig struct {
	Password string              `env:"REDIS_PASSWORD,notEmpty"`
	Seconds  int                 `env:"HOLD_SECONDS,notEmpty"`
	Mode     message.PaymentMode `env:"PAYMENT_MODE,notEmpty"`
}

func vars(port string, more map[string]string) map[string]string {
	all := map[string]string{
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port, "AWS_SESSION_TOKEN": "session", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
		"REDIS_PASSWORD": arn, "HOLD_SECONDS": "300", "PAYMENT_MODE": "live",
	}
	for name, v := range more {
		all[name] = v
	}
	return all
}

func TestConfigHasSecrets(t *testing.T) {
	config, _, err := readConfig[secretConfig](t.Context(), vars(extension(t, 2), nil), getOverHTTP)
	if want := (secretConfig{value, 300, message.ModeLive}); err != nil || config != want {
		t.Errorf("config %+v, %v", config, err)
	}
}

// Each start fails with an error that names all wrong variables and shows no secret.
func TestFailedStartShowsNoSecret(t *testing.T) {
	const unknown = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:dev/other-AbCdEf"
	failing := func(_ context.Context, _ Process, c secretConfig) (any, error) {
		return nil, fmt.Errorf("the client cannot use %s or %q", c.Password, c.Password)
	}
	for name, c := range map[string]struct {
		change map[string]string
		says   []string
	}{
		"unknown secret":           {map[string]string{"REDIS_PASSWORD": unknown, "HOLD_SECONDS": "x"}, []string{"REDIS_PASSWORD: ", "status 400 (ResourceNotFoundException)", "Seconds"}},
		"wrong token":              {map[string]string{"AWS_SESSION_TOKEN": "other"}, []string{"REDIS_PASSWORD: ", "status 403"}},
		"no token":                 {map[string]string{"AWS_SESSION_TOKEN": ""}, []string{"REDIS_PASSWORD: ", "status 403"}},
		"a secret for a number":    {map[string]string{"HOLD_SECONDS": arn}, []string{"Seconds"}},
		"a secret for a mode":      {map[string]string{"PAYMENT_MODE": arn}, []string{"PAYMENT_MODE is neither live nor test"}},
		"another mode":             {map[string]string{"PAYMENT_MODE": "Live"}, []string{"PAYMENT_MODE is neither live nor test"}},
		"no mode":                  {map[string]string{"PAYMENT_MODE": ""}, []string{"PAYMENT_MODE"}},
		"a secret that wire shows": {nil, []string{"the client cannot use (secret) or \"(secret)\""}},
	} {
		_, err := start(t.Context(), "pay", vars(extension(t, 0), c.change), &bytes.Buffer{}, failing)
		if err == nil {
			t.Errorf("%s: it started", name)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: does not say %q: %v", name, part, err)
			}
		}
		if strings.Contains(err.Error(), "c4n4ry") || strings.Contains(err.Error(), "session") && !strings.Contains(err.Error(), "session token") {
			t.Errorf("%s: shows a secret: %v", name, err)
		}
	}
}

// If the extension does not exist, the start fails within its time, and the error names the variable.
func TestMissingExtensionFailsTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	get := func(context.Context, string, string, string) (int, []byte, error) {
		cancel() // the time has ended
		return 0, nil, errors.New("connection refused")
	}
	if _, _, err := readConfig[secretConfig](ctx, vars("1", nil), get); err == nil || !strings.Contains(err.Error(), "REDIS_PASSWORD: ") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
}

// A redirect is an answer like any other: the token is not sent to another address.
func TestTokenFollowsNoRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer server.Close()
	if status, _, err := getOverHTTP(t.Context(), server.URL, "X-Aws-Parameters-Secrets-Token", "session"); err != nil || status != http.StatusFound {
		t.Errorf("status %d, %v", status, err)
	}
}
