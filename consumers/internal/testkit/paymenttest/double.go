package paymenttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/testkit/childtest"
	"boxoffice/contracts"
)

// Keys of the double's Stripe account.
const (
	SecretKey      = "sk_test_of_these_tests"
	publishableKey = "pk_test_of_these_tests"
)

// readyWithin bounds the wait until the server is ready. It is built first.
const readyWithin = 30 * time.Second

var shared = childtest.Shared[*Server]{Package: "paymenttest", Start: start, Stop: (*Server).stop}

// Run runs the tests of a package and then stops the double that they used, if any.
func Run(m interface{ Run() int }) int { return shared.Run(m) }

// Server is scripts/stripedouble, with an endpoint for its events that refuses those of chosen orders.
type Server struct {
	// Base is its address.
	Base      string
	command   *exec.Cmd
	exited    <-chan struct{}
	output    bytes.Buffer
	directory string
	endpoint  *httptest.Server
	missed    sync.Map
}

// Double returns the package's server, which all of its tests share. TestMain must call Run.
func Double(t testing.TB) *Server {
	t.Helper()
	return shared.Get(t)
}

// start builds the double.
func start(ctx context.Context) (*Server, error) {
	directory, err := os.MkdirTemp("", "paymenttest-")
	if err != nil {
		return nil, fmt.Errorf("folder of the double: %w", err)
	}
	binary := filepath.Join(directory, "stripedouble")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "boxoffice/scripts/stripedouble") //nolint:gosec // into the folder made above
	if out, err := build.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("build the double: %w\n%s", err, out), os.RemoveAll(directory))
	}
	s, err := childtest.Try(func() (*Server, error) { return startOnce(ctx, binary) })
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	s.directory = directory
	return s, nil
}

func startOnce(ctx context.Context, binary string) (*Server, error) {
	ports, err := childtest.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", ports[0])
	s := &Server{Base: "http://" + address}
	// Not under ctx: it outlives the test that happens to start it.
	s.command = exec.Command(binary, "--listen", address, "--secret-key", SecretKey, "--publishable-key", publishableKey) //nolint:gosec // the binary that was built above
	s.command.Stdout, s.command.Stderr = &s.output, &s.output
	if s.exited, err = childtest.Start(s.command); err != nil {
		return nil, err
	}
	s.endpoint = httptest.NewServer(http.HandlerFunc(s.deliver))
	err = s.ready(ctx)
	if err == nil {
		err = s.send(ctx, http.MethodPost, "/v1/webhook_endpoints", url.Values{
			"url": {s.endpoint.URL}, "enabled_events[0]": {"*"}, "api_version": {"2023-10-16"},
		}, nil)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%w\n%s", err, s.output.String())
	}
	return s, nil
}

// stop kills the server. It stores nothing, so nothing is lost.
func (s *Server) stop() {
	_ = s.command.Process.Kill()
	<-s.exited
	s.endpoint.Close()
	if s.directory != "" {
		_ = os.RemoveAll(s.directory)
	}
}

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.send(ctx, http.MethodGet, "/double/health", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.New("the double exited")
		case <-ctx.Done():
			return fmt.Errorf("the double was not ready within %v: %w", readyWithin, err)
		case <-tick.C:
		}
	}
}

// deliver handles the events that the double sends.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request) {
	var e struct {
		Data struct {
			Object struct {
				Metadata map[string]string `json:"metadata"`
			} `json:"object"`
		} `json:"data"`
	}
	err := json.NewDecoder(r.Body).Decode(&e)
	if _, missed := s.missed.Load(contracts.OrderID(e.Data.Object.Metadata["orderId"])); err != nil || missed {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// statusError is a response of the double that is not 2xx.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("%d %s", e.status, e.body) }

// send makes a request to the double with the secret key: with a form, or where form is nil with body as JSON. It decodes
// the response into body if body is not nil and the method is GET.
func (s *Server) send(ctx context.Context, method, path string, form url.Values, body any) error {
	content, kind := io.Reader(strings.NewReader(form.Encode())), "application/x-www-form-urlencoded"
	if form == nil && body != nil && method == http.MethodPost {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content, kind = bytes.NewReader(encoded), "application/json"
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Base+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", kind)
	if !form.Has("key") {
		request.Header.Set("Authorization", "Bearer "+SecretKey)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return &statusError{response.StatusCode, string(answer)}
	case method == http.MethodGet && body != nil:
		return json.Unmarshal(answer, body)
	default:
		return nil
	}
}

func (s *Server) must(t testing.TB, method, path string, body any) {
	t.Helper()
	if err := s.send(t.Context(), method, path, nil, body); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}
