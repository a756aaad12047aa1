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

// Function is one function as its host has it.
type Function struct {
	Name        string    `json:"name"`
	Invocations int       `json:"invocations"`
	Errors      int       `json:"errors"`
	Timeouts    int       `json:"timeouts"`
	Crashes     int       `json:"crashes"`
	InFlight    int       `json:"inFlight"`
	Processes   []Process `json:"processes"`
}

// Process is one process of a function. State is starting, idle, busy or restarting; PID is 0 while restarting.
type Process struct {
	PID      int    `json:"pid"`
	State    string `json:"state"`
	Restarts int    `json:"restarts"`
}

// Functions asks the host how its functions are.
func (b *Bed) Functions(ctx context.Context) ([]Function, error) {
	var status struct {
		Functions []Function `json:"functions"`
	}
	return status.Functions, b.control(ctx, http.MethodGet, "/status", "", &status)
}

// Function is one of them.
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

// Invoke runs a function now, as its schedule would, and reads its answer into report. While another run uses up the function's
// concurrency it waits, two minutes at most.
func (b *Bed) Invoke(ctx context.Context, function string, report any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, throttledFor, fmt.Errorf("%s is at work for over %s", function, throttledFor))
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

// throttledFor is longer than any function runs.
const throttledFor = 2 * time.Minute

// errThrottled is the answer of a function whose concurrency is used up.
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
