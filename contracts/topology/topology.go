// Package topology is the one specification of queues, dead-letter queues, tables, indexes, streams, buses, rules,
// functions, alarms and timings. The local stack creates what it says, and so does Terraform, so that both have the same.
//
// topology.json is the data, topology.schema.json its strict schema; this package is the Go view of both. Derived
// numbers (a queue's delay and visibility timeout) have one rule each, here.
package topology

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// JSON is the specification as it lies in the repository.
//
//go:embed topology.json
var JSON []byte

// Schema is the JSON Schema of JSON.
//
//go:embed topology.schema.json
var Schema []byte

// Topology is the whole specification. Durations are whole seconds, as AWS takes them.
type Topology struct {
	Schema                  string `json:"$schema"`
	Version                 int    `json:"version"`
	HomeRegionLetter        string `json:"homeRegionLetter"`
	HoldSeconds             int    `json:"holdSeconds"`
	OrderDeadlineSeconds    int    `json:"orderDeadlineSeconds"`
	VisibilityTimeoutFactor int    `json:"visibilityTimeoutFactor"`
	// StripeRequestsPerSecond is what Stripe allows the account, of reads and of writes each.
	StripeRequestsPerSecond int        `json:"stripeRequestsPerSecond"`
	Queues                  []Queue    `json:"queues"`
	Tables                  []Table    `json:"tables"`
	Buses                   []Bus      `json:"buses"`
	Rules                   []Rule     `json:"rules"`
	Secrets                 []Secret   `json:"secrets"`
	Functions               []Function `json:"functions"`
	Alarms                  []Alarm    `json:"alarms"`
}

// Queue is a FIFO queue in high-throughput mode (deduplication and throughput per message group), unless its Type is
// TypeStandard.
type Queue struct {
	Name                  string `json:"name"`
	Type                  string `json:"type,omitempty"`
	Purpose               string `json:"purpose"`
	DelaySeconds          int    `json:"delaySeconds,omitempty" zero:"allowed"`
	DelayAfterHoldSeconds int    `json:"delayAfterHoldSeconds,omitempty" zero:"allowed"`
	MaxReceiveCount       int    `json:"maxReceiveCount,omitempty"`
	DeadLetterQueue       string `json:"deadLetterQueue,omitempty"`
	RetentionSeconds      int    `json:"retentionSeconds"`
}

// Types of queues; a queue that says none is a FIFO queue. A standard queue has no order and no deduplication. Lambda accepts no
// other one as the destination of failed stream records.
const (
	TypeFIFO     = "fifo"
	TypeStandard = "standard"
)

// Standard tells whether the queue is a standard queue.
func (q Queue) Standard() bool { return q.Type == TypeStandard }

// Table is an on-demand DynamoDB table.
type Table struct {
	Name         string  `json:"name"`
	PartitionKey Key     `json:"partitionKey"`
	SortKey      *Key    `json:"sortKey,omitempty"`
	Indexes      []Index `json:"indexes,omitempty" zero:"allowed"`
	Stream       string  `json:"stream,omitempty"`
	// TimeToLive is the attribute, a number of seconds since 1970, after which DynamoDB drops an item within days. Nothing
	// may depend on when it does.
	TimeToLive          string `json:"timeToLive,omitempty"`
	PointInTimeRecovery bool   `json:"pointInTimeRecovery"`
}

// Key is a key attribute; Type is S or N.
type Key struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Index is a global secondary index; Projection is KEYS_ONLY or ALL.
type Index struct {
	Name         string `json:"name"`
	PartitionKey Key    `json:"partitionKey"`
	SortKey      *Key   `json:"sortKey,omitempty"`
	Projection   string `json:"projection"`
}

// Bus is an EventBridge bus.
type Bus struct {
	Name string `json:"name"`
}

// Rule sends events of these detail types from a bus to a queue.
type Rule struct {
	Name        string   `json:"name"`
	Bus         string   `json:"bus"`
	DetailTypes []string `json:"detailTypes"`
	Queue       string   `json:"queue"`
}

// Secret is a value that only the functions naming it may read.
type Secret struct {
	Name    string `json:"name"`
	Purpose string `json:"purpose"`
}

// Load parses the embedded specification.
func Load() (Topology, error) { return Parse(JSON) }

// Parse decodes and validates a specification. It takes nothing that the schema refuses; every problem found is reported,
// unless the data is no JSON of the right types.
func Parse(data []byte) (Topology, error) {
	var t Topology
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Topology{}, fmt.Errorf("topology: %w", err)
	}
	var document any
	if err := json.Unmarshal(data, &document); err != nil { // something follows it
		return Topology{}, fmt.Errorf("topology: %w", err)
	}
	var written validator
	written.members("topology", document, reflect.TypeFor[Topology]())
	return t, errors.Join(append(written.problems, t.Validate())...)
}

// VisibilityTimeout of a queue is the factor times the timeout of the function that reads it, so that SQS never hands
// a message out again while a handler may still be at it. A queue without a reader has SQS's default of 30 s.
func (t Topology) VisibilityTimeout(queue string) time.Duration {
	for _, f := range t.Functions {
		if f.Queue != nil && f.Queue.Name == queue {
			return time.Duration(f.TimeoutSeconds*t.VisibilityTimeoutFactor) * time.Second
		}
	}
	return 30 * time.Second
}

// Delay of a queue: fixed, or counted from the end of a hold.
func (t Topology) Delay(q Queue) time.Duration {
	if q.DelayAfterHoldSeconds > 0 {
		return time.Duration(t.HoldSeconds+q.DelayAfterHoldSeconds) * time.Second
	}
	return time.Duration(q.DelaySeconds) * time.Second
}

// FunctionNamed finds a function.
func (t Topology) FunctionNamed(name string) (Function, bool) {
	i := slices.IndexFunc(t.Functions, func(f Function) bool { return f.Name == name })
	if i < 0 {
		return Function{}, false
	}
	return t.Functions[i], true
}

// QueueNamed finds a queue.
func (t Topology) QueueNamed(name string) (Queue, bool) {
	i := slices.IndexFunc(t.Queues, func(q Queue) bool { return q.Name == name })
	if i < 0 {
		return Queue{}, false
	}
	return t.Queues[i], true
}

// Values maps each reference ("queueUrl:orders", "holdSeconds", …) to its value in one deployment.
type Values map[string]string

// Numbers gives the references that the specification itself answers.
func (t Topology) Numbers() Values {
	return Values{
		"homeRegionLetter":        t.HomeRegionLetter,
		"holdSeconds":             fmt.Sprint(t.HoldSeconds),
		"orderDeadlineSeconds":    fmt.Sprint(t.OrderDeadlineSeconds),
		"stripeRequestsPerSecond": fmt.Sprint(t.StripeRequestsPerSecond),
	}
}

// Validate checks all that the schema does, since who changes a specification in Go has no other check, and what a schema
// cannot: that names are unique, that each name used exists, and that the numbers fit together. All problems are reported
// together.
func (t Topology) Validate() error {
	v := validator{t: t}
	v.numbers()
	v.lists()
	v.queues()
	v.tables()
	v.functions()
	v.rules()
	v.alarms()
	return errors.Join(v.problems...)
}
