package topology

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Function is a Lambda function. Its binary is {side}/cmd/{name}. Environment maps variables to references (see Resolve).
type Function struct {
	Name            string `json:"name"`
	Side            string `json:"side"`
	TimeoutSeconds  int    `json:"timeoutSeconds"`
	MemoryMegabytes int    `json:"memoryMegabytes"`
	// ReservedConcurrency is how many invocations may run at once: Lambda reserves that many for the function and throttles all
	// others. 0 means that nothing is reserved. An explicit 0 in the document is refused, since Lambda would never run it.
	ReservedConcurrency int `json:"reservedConcurrency,omitempty"`
	// Asynchronous says what happens to asynchronous invocations that fail or are throttled. A function with a Schedule needs
	// it, since a schedule invokes asynchronously.
	Asynchronous *Asynchronous `json:"asynchronous,omitempty"`
	Routes       []Route       `json:"routes,omitempty"`
	// WebSocket has the routes of the WebSocket API, all or none: WebSocketRoutes.
	WebSocket   []string          `json:"websocket,omitempty"`
	Queue       *QueueSource      `json:"queue,omitempty"`
	Stream      *StreamSource     `json:"stream,omitempty"`
	Schedule    *Schedule         `json:"schedule,omitempty"`
	Environment map[string]string `json:"environment"`
}

// Asynchronous is an event invoke configuration.
type Asynchronous struct {
	// MaximumRetryAttempts is how often a failed invocation is repeated, 0 to 2.
	MaximumRetryAttempts int `json:"maximumRetryAttempts"`
	// MaximumEventAgeSeconds is how long Lambda keeps an event before it drops it, 60 to 21,600. Lambda retries a throttled event
	// until then, whatever MaximumRetryAttempts says.
	MaximumEventAgeSeconds int `json:"maximumEventAgeSeconds"`
}

// Values of Route.Auth.
const (
	AuthJWT  = "jwt"
	AuthNone = "none"
)

// Route is an HTTP API route: "METHOD /path/{parameter}" or DefaultRoute. Auth is AuthJWT or AuthNone. Only an AuthJWT route can
// have Scopes; a token must then have at least one of them in its claim scope.
type Route struct {
	Route  string   `json:"route"`
	Auth   string   `json:"auth"`
	Scopes []string `json:"scopes,omitempty"`
}

// DefaultRoute matches every request that no other route matches.
const DefaultRoute = "$default"

// Routes of a WebSocket API. One function serves all of them, and only one function has them.
const (
	RouteConnect    = "$connect"
	RouteDisconnect = "$disconnect"
	// RouteMessage is the route of every message of a client. What the function returns is sent to the client.
	RouteMessage = "$default"
)

// WebSocketRoutes are all routes of a WebSocket API.
var WebSocketRoutes = []string{RouteConnect, RouteDisconnect, RouteMessage}

// WebSocketStage is the stage of the WebSocket API: connections are opened at its path, and managed at
// {connectionsEndpoint}/@connections/{connectionId}, where the endpoint ends with it.
const WebSocketStage = "push"

// QueueSource is an event source mapping of a queue. MaximumConcurrency is how many batches are handled at once, at least 2;
// 0 means as many as there are message groups.
type QueueSource struct {
	Name               string `json:"name"`
	BatchSize          int    `json:"batchSize"`
	MaximumConcurrency int    `json:"maximumConcurrency,omitempty"`
}

// Unlimited is the value of MaximumRetryAttempts and MaximumRecordAgeSeconds for no limit. A record that is never handled is
// then lost when the stream deletes it, after 24 hours, and nothing reports the loss.
const Unlimited = -1

// StreamSource is an event source mapping of a table's stream. A failed batch is retried until it succeeds, its records are
// too old, or its attempts are used up. In the last two cases OnFailure gets a letter, and the shard continues.
type StreamSource struct {
	Table     string `json:"table"`
	BatchSize int    `json:"batchSize"`
	// BatchingWindowSeconds is how long Lambda waits for more records before it invokes the function with a batch that is not
	// full, in whole seconds.
	BatchingWindowSeconds int `json:"batchingWindowSeconds,omitempty" zero:"allowed"`
	// ParallelizationFactor is how many batches of a shard are handled at once, 1 to 10. Records of one item stay in order.
	ParallelizationFactor int `json:"parallelizationFactor"`
	// MaximumRetryAttempts is how often a failed batch is retried, 0 to 10,000, or Unlimited.
	MaximumRetryAttempts int `json:"maximumRetryAttempts"`
	// MaximumRecordAgeSeconds is the age at which a record is given up, 60 to 604,800, or Unlimited.
	MaximumRecordAgeSeconds int `json:"maximumRecordAgeSeconds"`
	// BisectBatchOnFunctionError halves a batch that failed as a whole.
	BisectBatchOnFunctionError bool `json:"bisectBatchOnFunctionError"`
	// OnFailure is the standard queue that gets a letter about records that were given up. The letter says where the records
	// are in the stream; it does not contain them.
	OnFailure string `json:"onFailure,omitempty"`
}

// Limited reports whether the mapping can give a record up before the stream deletes it.
func (s StreamSource) Limited() bool {
	return s.MaximumRetryAttempts != Unlimited || s.MaximumRecordAgeSeconds != Unlimited
}

// MaximumRecordAge returns MaximumRecordAgeSeconds as a duration, or 0 if there is no limit.
func (s StreamSource) MaximumRecordAge() time.Duration {
	return max(0, time.Duration(s.MaximumRecordAgeSeconds)) * time.Second
}

// Schedule invokes a function at a fixed rate.
type Schedule struct {
	EverySeconds int `json:"everySeconds"`
}

// Resolve returns the function's environment in a deployment. Its error names all references without a value.
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
