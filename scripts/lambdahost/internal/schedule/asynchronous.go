package schedule

import (
	"context"
	"time"

	"boxoffice/contracts/telemetry"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

// Lambda's pauses before it repeats an asynchronous invocation: after a throttled one from 1 s growing to 5 min, after a failed
// one 1 min and then 2 min.
const (
	firstThrottlePause = time.Second
	maxThrottlePause   = 5 * time.Minute
	firstRetryPause    = time.Minute
	laterRetryPause    = 2 * time.Minute
)

// deliver invokes the function with one event, like Lambda's queue of asynchronous events: until it succeeds, its retries are
// used up, or the event is too old. An invocation that no process took does not count, and is tried again until the event is too
// old. It returns early when ctx ends, but waits for an invocation under way.
func (s *Schedule) deliver(ctx context.Context, payload []byte) {
	end := s.options.Now().Add(s.options.MaximumAge)
	throttled, failed := firstThrottlePause, firstRetryPause
	for retries := 0; ; {
		left := end.Sub(s.options.Now())
		if left <= 0 {
			s.drop("too old")
			return
		}
		_, err := s.target.Invoke(context.WithoutCancel(ctx), payload, left)
		var pause time.Duration
		switch {
		case err == nil:
			s.runs.Add(1)
			return
		case runtimeapi.MayBeInvokedLater(err):
			s.throttles.Add(1)
			pause, throttled = throttled, min(2*throttled, maxThrottlePause)
		default:
			s.runs.Add(1)
			s.failures.Add(1)
			s.options.Logger.Warn("a scheduled run failed", telemetry.KeyFunction, s.options.Function, telemetry.KeyError, err.Error())
			if retries == s.options.Retries {
				return
			}
			retries++
			pause, failed = failed, laterRetryPause
		}
		if s.options.Now().Add(pause).After(end) {
			s.drop(err.Error())
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (s *Schedule) drop(reason string) {
	s.dropped.Add(1)
	s.options.Logger.Warn("a scheduled run was dropped", telemetry.KeyFunction, s.options.Function, telemetry.KeyReason, reason)
}
