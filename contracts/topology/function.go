package topology

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Function is one Lambda: its binary is {side}/cmd/{name}. Environment maps a variable to a reference (see Resolve).
type Function struct {
	Name            string `json:"name"`
	Side            string `json:"side"`
	TimeoutSeconds  int    `json:"timeoutSeconds"`
	MemoryMegabytes int    `json:"memoryMegabytes"`
	// ReservedConcurrency is how many invocations may run at once: Lambda keeps that many for the function and throttles the
	// next one. 0 means that nothing is reserved, and is never written: a function that can never run is no use.
	ReservedConcurrency int `json:"reservedConcurrency,omitempty"`
	// Asynchronous says what becomes of asynchronous invocations that fail or are throttled. A function with a schedule has it,
	// since a schedule invokes asynchronously.
	Asynchronous *Asynchronous     `json:"asynchronous,omitempty"`
	Routes       []Route           `json:"routes,omitempty"`
	Queue        *QueueSource      `json:"queue,omitempty"`
	Stream       *StreamSource     `json:"stream,omitempty"`
	Schedule     *Schedule         `json:"schedule,omitempty"`
	Environment  map[string]string `json:"environment"`
}

// Asynchronous is an event invoke configuration.
type Asynchronous struct {
	// MaximumRetryAttempts is how often an invocation that failed is made again, 0 to 2.
	MaximumRetryAttempts int `json:"maximumRetryAttempts"`
	// MaximumEventAgeSeconds is how long Lambda keeps an event that it cannot invoke the function with, 60 to 21,600. A throttled
	// event is tried again until then, whatever MaximumRetryAttempts says.
	MaximumEventAgeSeconds int `json:"maximumEventAgeSeconds"`
}

// Values of Auth.
const (
	AuthJWT  = "jwt"
	AuthNone = "none"
)

// Route is an HTTP API route: "METHOD /path/{parameter}" or "$default". Auth is AuthJWT or AuthNone. With Scopes, of which only
// a jwt route can have any, a token must have at least one of them in its claim scope.
type Route struct {
	Route  string   `json:"route"`
	Auth   string   `json:"auth"`
	Scopes []string `json:"scopes,omitempty"`
}

// DefaultRoute takes every request that no other route matches.
const DefaultRoute = "$default"

// QueueSource is an event source mapping of a queue. MaximumConcurrency is how many batches are at work at once, at least 2;
// 0 means as many as there are groups.
type QueueSource struct {
	Name               string `json:"name"`
	BatchSize          int    `json:"batchSize"`
	MaximumConcurrency int    `json:"maximumConcurrency,omitempty"`
}

// Unlimited is MaximumRetryAttempts and MaximumRecordAgeSeconds without a limit. A record then ends with the stream, which
// keeps it for 24 hours, and nothing reports that it was lost.
const Unlimited = -1

// StreamSource is an event source mapping of a table's stream. A batch fails until it succeeds, its record is too old, or its
// attempts are used up; then its records go to OnFailure, and the shard goes on.
type StreamSource struct {
	Table     string `json:"table"`
	BatchSize int    `json:"batchSize"`
	// BatchingWindowSeconds is how long records are gathered for a batch that is not full, in whole seconds as AWS takes it.
	BatchingWindowSeconds int `json:"batchingWindowSeconds,omitempty" zero:"allowed"`
	// ParallelizationFactor is how many batches of a shard are at work at once, 1 to 10. Records of one item stay in order.
	ParallelizationFactor int `json:"parallelizationFactor"`
	// MaximumRetryAttempts is how often a failed batch is tried again, 0 to 10,000, or Unlimited.
	MaximumRetryAttempts int `json:"maximumRetryAttempts"`
	// MaximumRecordAgeSeconds is the age at which a record is given up, 60 to 604,800, or Unlimited.
	MaximumRecordAgeSeconds int `json:"maximumRecordAgeSeconds"`
	// BisectBatchOnFunctionError halves a batch that failed as a whole.
	BisectBatchOnFunctionError bool `json:"bisectBatchOnFunctionError"`
	// OnFailure is the standard queue that gets a letter about records that were given up: where they are in the stream, not
	// the records themselves.
	OnFailure string `json:"onFailure,omitempty"`
}

// Limited tells whether the mapping may give a record up before the stream loses it.
func (s StreamSource) Limited() bool {
	return s.MaximumRetryAttempts != Unlimited || s.MaximumRecordAgeSeconds != Unlimited
}

// MaximumRecordAge is MaximumRecordAgeSeconds as a duration, 0 if there is no limit.
func (s StreamSource) MaximumRecordAge() time.Duration {
	return max(0, time.Duration(s.MaximumRecordAgeSeconds)) * time.Second
}

// Schedule invokes a function at a fixed rate.
type Schedule struct {
	EverySeconds int `json:"everySeconds"`
}

// Resolve gives the function's environment in a deployment. All references without a value are reported together.
func (f Function) Resolve(values Values) (map[string]string, error) {
	env := make(map[string]string, len(f.Environment))
	var missing []string
	for variable, reference := range f.Environment {
		value, ok := values[reference]
		if !ok {
			missing = append(missing, variable+" ("+reference+")")
			continue
		}
		env[variable] = value
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, fmt.Errorf("function %s: no value for %s", f.Name, strings.Join(missing, ", "))
	}
	return env, nil
}
