package boot

import (
	"errors"
	"time"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// Breaker makes a breaker that reports when it opens and closes, and each call that it stands before.
func (p Process) Breaker(dependency string, isSuccessful func(error) bool) retry.Breaker {
	breaker := retry.NewBreaker(dependency, retry.BreakerOptions{
		IsSuccessful: isSuccessful,
		Now:          p.Now,
		OnStateChange: func(name, from, to string) {
			p.Log.Warn("breaker changed", telemetry.KeyDependency, name, telemetry.KeyBreakerFrom, from, telemetry.KeyBreakerTo, to)
			if to == "open" {
				p.Meter.Put(telemetry.BreakerOpened, 1, telemetry.Dimension{Name: telemetry.KeyDependency, Value: name})
			}
		},
	})
	return retry.Observed(breaker, resultOf, func(result retry.Result, took time.Duration) {
		p.Calls.Add(dependency, string(result), took)
	}, p.Now)
}

// resultOf tells what the error of any dependency means: the error itself may know, AWS has its table, and what nobody knows
// is neither yes nor no.
func resultOf(err error) retry.Result {
	var told interface{ CallResult() retry.Result }
	if errors.As(err, &told) {
		return told.CallResult()
	}
	return awsclient.ResultOf(err)
}
