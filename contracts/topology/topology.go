// Package topology is the specification of queues, dead-letter queues, tables, indexes, streams, buses, rules, functions,
// alarms and timings. The local stack and Terraform both create what it says.
//
// topology.json is the data, topology.schema.json is its strict schema, and this package is the Go view of both. It has the
// rules for derived numbers, such as the delay and the visibility timeout of a queue.
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

// JSON is the content of topology.json.
//
//go:embed topology.json
var JSON []byte

// Schema is the JSON Schema of JSON.
//
//go:embed topology.schema.json
var Schema []byte

// Topology is the whole specification. Durations are whole seconds, as in AWS.
type Topology struct {
	Schema                  string `json:"$schema"`
	Version                 int    `json:"version"`
	HomeRegionLetter        string `json:"homeRegionLetter"`
	HoldSeconds             int    `json:"holdSeconds"`
	OrderDeadlineSeconds    int    `json:"orderDeadlineSeconds"`
	VisibilityTimeoutFactor int    `json:"visibilityTimeoutFactor"`
	// StripeRequestsPerSecond is how many reads, and how many writes, Stripe allows the account in a second.
	StripeRequestsPerSecond int        `json:"stripeRequestsPerSecond"`
	Queues                  []Queue    `json:"queues"`
	Tables                  []Table    `json:"tables"`
	Buses                   []Bus      `json:"buses"`
	Rules                   []Rule     `json:"rules"`
	Secrets                 []Secret   `json:"secrets"`
	Functions               []Function `json:"functions"`
	Alarms                  []Alarm    `json:"alarms"`
}

// Queue is a FIFO queue in high-throughput mode (deduplication and throughput per message group) or, with TypeStandard, a
// standard queue.
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

// Types of queues. A queue without a type is a FIFO queue. A standard queue has no order and no deduplication. Lambda accepts
// only a standard queue as the destination of failed stream records.
const (
	TypeFIFO     = "fifo"
	TypeStandard = "standard"
)

// Standard reports whether the queue is a standard queue.
func (q Queue) Standard() bool { return q.Type == TypeStandard }

// Table is an on-demand DynamoDB table.
type Table struct {
	Name         string  `json:"name"`
	PartitionKey Key     `json:"partitionKey"`
	SortKey      *Key    `json:"sortKey,omitempty"`
	Indexes      []Index `json:"indexes,omitempty" zero:"allowed"`
	Stream       string  `json:"stream,omitempty"`
	// TimeToLive is the name of an attribute with seconds since 1970, after which DynamoDB deletes the item within days. Nothing
	// may depend on when it does.
	TimeToLive          string `json:"timeToLive,omitempty"`
	PointInTimeRecovery bool   `json:"pointInTimeRecovery"`
}

// Key is a key attribute. Type is S or N.
type Key struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Index is a global secondary index. Projection is KEYS_ONLY, ALL, or INCLUDE for the keys and Attributes.
type Index struct {
	Name         string `json:"name"`
	PartitionKey Key    `json:"partitionKey"`
	SortKey      *Key   `json:"sortKey,omitempty"`
	Projection   string `json:"projection"`
	// Attributes are beside the keys in the index. Only INCLUDE has any.
	Attributes []string `json:"attributes,omitempty"`
}

// Bus is an EventBridge bus.
type Bus struct {
	Name string `json:"name"`
}

// Rule sends the events of a source and of its detail types from a bus to a queue.
type Rule struct {
	Name        string   `json:"name"`
	Bus         string   `json:"bus"`
	Source      string   `json:"source"`
	DetailTypes []string `json:"detailTypes"`
	// Detail is the part of the event pattern about the detail, as EventBridge defines it; empty if every detail matches.
	Detail map[string]any `json:"detail,omitempty"`
	Queue  string         `json:"queue"`
	// Message makes the message of the event.
	Message RuleMessage `json:"message"`
}

// RuleMessage is the input transformer of a rule: Template is the body of a message, in which <name> stands for the value at the
// path of that name. So a queue gets ids alone, whatever else an event has.
type RuleMessage struct {
	Paths    map[string]string `json:"paths"`
	Template string            `json:"template"`
}

// Pattern returns the event pattern of the rule.
func (r Rule) Pattern() ([]byte, error) {
	pattern := map[string]any{"source": []string{r.Source}, "detail-type": r.DetailTypes}
	if len(r.Detail) > 0 {
		pattern["detail"] = r.Detail
	}
	return json.Marshal(pattern)
}

// Secret is a value that only the functions whose environment names it may read.
type Secret struct {
	Name    string `json:"name"`
	Purpose string `json:"purpose"`
}

// Load parses the embedded specification.
func Load() (Topology, error) { return Parse(JSON) }

// Parse decodes and validates a specification. It refuses everything that the schema refuses. Its error joins all problems,
// unless the data is no JSON of the right types.
func Parse(data []byte) (Topology, error) {
	var t Topology
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Topology{}, fmt.Errorf("topology: %w", err)
	}
	var document any
	if err := json.Unmarshal(data, &document); err != nil { // something follows the JSON value
		return Topology{}, fmt.Errorf("topology: %w", err)
	}
	var written validator
	written.members("topology", document, reflect.TypeFor[Topology]())
	return t, errors.Join(append(written.problems, t.Validate())...)
}

// VisibilityTimeout returns the visibility timeout of a queue: the factor times the timeout of the function that reads it, so
// that SQS never redelivers a message while a handler can still be working on it. A queue without a reader has SQS's default of
// 30 s.
func (t Topology) VisibilityTimeout(queue string) time.Duration {
	for _, f := range t.Functions {
		if f.Queue != nil && f.Queue.Name == queue {
			return time.Duration(f.TimeoutSeconds*t.VisibilityTimeoutFactor) * time.Second
		}
	}
	return 30 * time.Second
}

// Delay returns the delay of a queue: a fixed time, or the time of a hold and a few seconds more.
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

// Numbers returns the values of the references that the specification itself defines.
func (t Topology) Numbers() Values {
	return Values{
		"homeRegionLetter":        t.HomeRegionLetter,
		"holdSeconds":             fmt.Sprint(t.HoldSeconds),
		"orderDeadlineSeconds":    fmt.Sprint(t.OrderDeadlineSeconds),
		"stripeRequestsPerSecond": fmt.Sprint(t.StripeRequestsPerSecond),
	}
}

// Validate checks everything that the schema checks, since a specification that was changed in Go has no other check. It also
// checks what a schema cannot: that names are unique, that each used name exists, and that the numbers fit together. Its error
// joins all problems.
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
