// Package schedule invokes a function at a fixed rate, as an EventBridge rule with rate(…) does. A run that still goes
// on lets the next one fall out, so a function never runs twice at once.
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

// Target is the function.
type Target interface {
	// Invoke waits for a free process, at most for wait if that is over 0, and then for the answer.
	Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error)
}

// Options of a Schedule.
type Options struct {
	Function string
	Every    time.Duration
	// Account and Region are told in the event.
	Account, Region string
	Now             func() time.Time
	NewID           func() string
	Logger          *slog.Logger
}

// Schedule is one rule. Run may be called once.
type Schedule struct {
	options                 Options
	target                  Target
	runs, failures, skipped atomic.Int64
}

// Status counts since the start.
type Status struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Function string `json:"function"`
	Runs     int64  `json:"runs"`
	Failures int64  `json:"failures"`
	Skipped  int64  `json:"skipped"`
}

// New gives a schedule; Every must be over 0.
func New(target Target, options Options) (*Schedule, error) {
	if options.Every <= 0 {
		return nil, fmt.Errorf("schedule of function %s: every %s", options.Function, options.Every)
	}
	return &Schedule{options: options, target: target}, nil
}

// Status is safe to call at any time.
func (s *Schedule) Status() Status {
	return Status{Kind: "schedule", Name: "every " + s.options.Every.String(), Function: s.options.Function, Runs: s.runs.Load(), Failures: s.failures.Load(), Skipped: s.skipped.Load()}
}

// Run invokes the function each Every, the first time one Every from now, until ctx ends. It returns when the last run
// is done.
func (s *Schedule) Run(ctx context.Context) {
	ticker := time.NewTicker(s.options.Every)
	defer ticker.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, 1)
	free <- struct{}{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case <-free:
			running.Go(func() {
				defer func() { free <- struct{}{} }()
				s.invoke(ctx)
			})
		default:
			s.skipped.Add(1)
			s.options.Logger.Warn("a scheduled run was skipped: the one before it still goes on", telemetry.KeyFunction, s.options.Function)
		}
	}
}

func (s *Schedule) invoke(ctx context.Context) {
	s.runs.Add(1)
	payload, err := json.Marshal(events.EventBridgeEvent{
		Version: "0", ID: s.options.NewID(), DetailType: "Scheduled Event", Source: "aws.events", AccountID: s.options.Account,
		Time: s.options.Now().UTC().Truncate(time.Second), Region: s.options.Region,
		Resources: []string{fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", s.options.Region, s.options.Account, s.options.Function)},
		Detail:    json.RawMessage(`{}`),
	})
	if err == nil {
		// A run that found no process by the next tick is over: that tick has its own.
		_, err = s.target.Invoke(context.WithoutCancel(ctx), payload, s.options.Every)
	}
	if err != nil {
		s.failures.Add(1)
		s.options.Logger.Warn("a scheduled run failed", telemetry.KeyFunction, s.options.Function, telemetry.KeyError, err.Error())
	}
}
