package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Function is the status of a function in its host.
type Function struct {
	Name        string    `json:"name"`
	Invocations int       `json:"invocations"`
	Errors      int       `json:"errors"`
	Timeouts    int       `json:"timeouts"`
	Crashes     int       `json:"crashes"`
	InFlight    int       `json:"inFlight"`
	Processes   []Process `json:"processes"`
}

// Process is the status of a process of a function. State is starting, idle, busy or restarting; PID is 0 while restarting.
type Process struct {
	PID      int    `json:"pid"`
	State    string `json:"state"`
	Restarts int    `json:"restarts"`
}

// Functions returns the status of all functions.
func (b *Bed) Functions(ctx context.Context) ([]Function, error) {
	var status struct {
		Functions []Function `json:"functions"`
	}
	return status.Functions, b.control(ctx, http.MethodGet, "/status", "", &status)
}

// Function returns the status of one function.
func (b *Bed) Function(ctx context.Context, name string) (Function, error) {
	all, err := b.Functions(ctx)
	if err != nil {
		return Function{}, err
	}
	for _, f := range all {
		if f.Name == name {
			return f, nil
		}
	}
	return Function{}, fmt.Errorf("the host has no function %s", name)
}

// Invoke runs a function now, as its schedule would, and decodes its response into report. While another run uses the function's
// reserved concurrency, Invoke waits for up to two minutes.
func (b *Bed) Invoke(ctx context.Context, function string, report any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, maxThrottled, fmt.Errorf("%s is throttled for over %s", function, maxThrottled))
	defer cancel()
	for {
		err := b.control(ctx, http.MethodPost, "/invoke/"+function, "{}", report)
		if !errors.Is(err, errThrottled) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// maxThrottled bounds how long Invoke waits. No function runs that long.
const maxThrottled = 2 * time.Minute

// errThrottled means that the function's reserved concurrency is used.
var errThrottled = errors.New("throttled")

func (b *Bed) control(ctx context.Context, method, path, body string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, b.Control+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := b.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode == http.StatusTooManyRequests {
		return fmt.Errorf("%s %s: %w", method, path, errThrottled)
	}
	if failed := response.Header.Get("X-Amz-Function-Error"); failed != "" || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, failed)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func variable(name, suffix string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + suffix
}
