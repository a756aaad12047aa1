// Package schedule invokes a function at a fixed rate, like an EventBridge rule with rate(…). Each tick is an asynchronous
// invocation of its own: only the function's reserved concurrency prevents overlapping runs.
package schedule

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/telemetry"
)

// Target is the function. It must be safe for concurrent use.
type Target interface {
	// Invoke waits for a free process, at most for wait if that is over 0, and then for the response. If
	// runtimeapi.MayBeInvokedLater is true for the error, the function was not invoked.
	Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error)
}

// Options of a Schedule.
type Options struct {
	Function string
	Every    time.Duration
	// Retries is how often a failed run is repeated, 0 to 2. MaximumAge is how long after its tick a run may start.
	Retries    int
	MaximumAge time.Duration
	// Account and Region are passed in the event.
	Account, Region string
	Now             func() time.Time
	NewID           func() string
	Logger          *slog.Logger
}

// Schedule is one rule. Run may be called once.
type Schedule struct {
	options                            Options
	target                             Target
	runs, failures, throttles, dropped atomic.Int64
}

// Status counts since the start. Runs are finished invocations, including retries; Failures are those of them that failed.
// Throttles are tries for which no process was free; Dropped are ticks whose run became too old.
type Status struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Function  string `json:"function"`
	Runs      int64  `json:"runs"`
	Failures  int64  `json:"failures"`
	Throttles int64  `json:"throttles"`
	Dropped   int64  `json:"dropped"`
}

// New returns a schedule. Every and MaximumAge must be over 0.
func New(target Target, options Options) (*Schedule, error) {
	if options.Every <= 0 || options.MaximumAge <= 0 || options.Retries < 0 {
		return nil, fmt.Errorf("schedule of function %s: every %s, at most %s old, %d retries", options.Function, options.Every, options.MaximumAge, options.Retries)
	}
	return &Schedule{options: options, target: target}, nil
}

// Status is safe to call at any time.
func (s *Schedule) Status() Status {
	return Status{
		Kind: "schedule", Name: "every " + s.options.Every.String(), Function: s.options.Function, Runs: s.runs.Load(), Failures: s.failures.Load(),
		Throttles: s.throttles.Load(), Dropped: s.dropped.Load(),
	}
}

// Run invokes the function each Every, for the first time one Every from now, until ctx ends. It returns when the last run is
// done.
func (s *Schedule) Run(ctx context.Context) {
	ticker := time.NewTicker(s.options.Every)
	defer ticker.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		payload, err := s.event()
		if err != nil {
			s.options.Logger.Error("a scheduled event cannot be encoded", telemetry.KeyFunction, s.options.Function, telemetry.KeyError, err.Error())
			continue
		}
		running.Go(func() { s.deliver(ctx, payload) })
	}
}

// event returns the event that EventBridge sends at a tick.
func (s *Schedule) event() ([]byte, error) {
	return json.Marshal(events.EventBridgeEvent{
		Version: "0", ID: s.options.NewID(), DetailType: "Scheduled Event", Source: "aws.events", AccountID: s.options.Account,
		Time: s.options.Now().UTC().Truncate(time.Second), Region: s.options.Region,
		Resources: []string{fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", s.options.Region, s.options.Account, s.options.Function)},
		Detail:    json.RawMessage(`{}`),
	})
}
