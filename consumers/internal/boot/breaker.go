package boot

import (
	"errors"
	"time"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/telemetry"
)

// Breaker returns a breaker for calls to a dependency. It logs when the breaker opens and closes, and measures each call.
// isSuccessful says which errors do not count as failures; nil counts all errors.
func (p Process) Breaker(dependency string, isSuccessful func(error) bool) retry.Breaker {
	breaker := retry.NewBreaker(dependency, retry.BreakerOptions{
		IsSuccessful: isSuccessful,
		Now:          p.Now,
		OnStateChange: func(name, from, to string) {
			p.Breakers.changed(name, from, to, contracts.InstantOf(p.Now()))
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

// resultOf classifies the error of any dependency: by its own CallResult if it has one, otherwise as an error of AWS. The result of
// an unclassified error is unknown.
func resultOf(err error) retry.Result {
	var classified interface{ CallResult() retry.Result }
	if errors.As(err, &classified) {
		return classified.CallResult()
	}
	return awsclient.ResultOf(err)
}
