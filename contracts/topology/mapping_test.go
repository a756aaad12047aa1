package topology_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts/topology"
)

// function gives access to one function of a specification.
func function(t *testing.T, s *topology.Topology, name string) *topology.Function {
	t.Helper()
	i := slices.IndexFunc(s.Functions, func(f topology.Function) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("there is no function %s", name)
	}
	return &s.Functions[i]
}

// Each row breaks one rule of mappings and concurrency.
func TestMappingRules(t *testing.T) {
	for want, change := range map[string]func(s *topology.Topology){
		`function pay: maximumConcurrency must be 2 to 1000, is 1`: func(s *topology.Topology) {
			function(t, s, "pay").Queue.MaximumConcurrency = 1
		},
		`function pay: maximumConcurrency of 10 is over the reserved concurrency of 9`: func(s *topology.Topology) {
			function(t, s, "pay").ReservedConcurrency = 9
		},
		`function mirror: stream: parallelizationFactor must be 1 to 10, is 11`: func(s *topology.Topology) {
			function(t, s, "mirror").Stream.ParallelizationFactor = 11
		},
		`function mirror: stream: maximumRetryAttempts must be -1 to 10000, is -2`: func(s *topology.Topology) {
			function(t, s, "mirror").Stream.MaximumRetryAttempts = -2
		},
		`function mirror: stream: maximumRecordAgeSeconds must be -1, or 60 to 604800, is 59`: func(s *topology.Topology) {
			function(t, s, "mirror").Stream.MaximumRecordAgeSeconds = 59
		},
		`function mirror: stream: maximumRetryAttempts must be -1 to 10000, is 10001`: func(s *topology.Topology) {
			function(t, s, "mirror").Stream.MaximumRetryAttempts = 10001
		},
		`function mirror: stream: maximumRecordAgeSeconds must be -1, or 60 to 604800, is 604801`: func(s *topology.Topology) {
			function(t, s, "mirror").Stream.MaximumRecordAgeSeconds = 604801
		},
		`function pay: maximumConcurrency must be 2 to 1000, is 1001`: func(s *topology.Topology) {
			function(t, s, "pay").Queue.MaximumConcurrency = 1001
		},
		`function pay: reservedConcurrency must be 0 to 1000, is -1`: func(s *topology.Topology) {
			function(t, s, "pay").ReservedConcurrency = -1
		},
		`function reserve reads a queue with a reserved concurrency and has no maximumConcurrency`: func(s *topology.Topology) {
			function(t, s, "reserve").ReservedConcurrency = 5
		},
		`queue payments is read by both commit and pay`: func(s *topology.Topology) {
			function(t, s, "commit").Queue.Name = "payments"
		},
		`function orders: route POST /api/orders: auth must be one of ["jwt" "none"], is "JWT"`: func(s *topology.Topology) {
			function(t, s, "orders").Routes[0].Auth = "JWT"
		},
		`queue orders has unknown type "lifo"`: func(s *topology.Topology) { s.Queues[0].Type = "lifo" },
		`function mirror: stream gives records up and has no onFailure`: func(s *topology.Topology) {
			function(t, s, "mirror").Stream.OnFailure = ""
		},
		`function mirror: stream: onFailure names unknown queue "nowhere"`: func(s *topology.Topology) {
			function(t, s, "mirror").Stream.OnFailure = "nowhere"
		},
		`function mirror: stream: onFailure is the FIFO queue orders-dead, which Lambda does not accept`: func(s *topology.Topology) {
			function(t, s, "mirror").Stream.OnFailure = "orders-dead"
		},
		`queue orders: its dead-letter queue stream-failures has another type, which SQS refuses`: func(s *topology.Topology) {
			s.Queues[0].DeadLetterQueue = "stream-failures"
		},
		`function reconcile has a schedule, which invokes asynchronously, and does not say what becomes of a failed run`: func(s *topology.Topology) {
			function(t, s, "reconcile").Asynchronous = nil
		},
		`function reconcile: maximumRetryAttempts must be 0 to 2, is 3`: func(s *topology.Topology) {
			function(t, s, "reconcile").Asynchronous.MaximumRetryAttempts = 3
		},
		`function reconcile: maximumEventAgeSeconds must be 60 to 21600, is 30`: func(s *topology.Topology) {
			function(t, s, "reconcile").Asynchronous.MaximumEventAgeSeconds = 30
		},
		`function queries: route "$default" has scopes and no token`: func(s *topology.Topology) {
			f := function(t, s, "queries")
			f.Routes[len(f.Routes)-1].Scopes = []string{"operator"}
		},
		`function queries: route "GET /api/orders/{orderId}" has no HEAD of its own with the same auth`: func(s *topology.Topology) {
			function(t, s, "queries").Routes[0].Scopes = []string{"operator"}
		},
	} {
		s := load(t)
		change(&s)
		if err := s.Validate(); err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), "topology: "+want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// Each row breaks one rule of the schema, which is Terraform's only check.
func TestSchemaRulesOfMappings(t *testing.T) {
	compiled := schema(t)
	at := func(d map[string]any, name string) map[string]any {
		for _, f := range d["functions"].([]any) {
			if f := f.(map[string]any); f["name"] == name {
				return f
			}
		}
		t.Fatalf("there is no function %s", name)
		return nil
	}
	stream := func(d map[string]any) map[string]any { return at(d, "mirror")["stream"].(map[string]any) }
	number := func(n string) json.Number { return json.Number(n) }
	for name, change := range map[string]func(d map[string]any){
		"queue of another type":    func(d map[string]any) { d["queues"].([]any)[0].(map[string]any)["type"] = "lifo" },
		"one batch at once":        func(d map[string]any) { at(d, "pay")["queue"].(map[string]any)["maximumConcurrency"] = number("1") },
		"function that never runs": func(d map[string]any) { at(d, "reconcile")["reservedConcurrency"] = number("0") },
		"third retry": func(d map[string]any) {
			at(d, "reconcile")["asynchronous"].(map[string]any)["maximumRetryAttempts"] = number("3")
		},
		"event of no age": func(d map[string]any) {
			at(d, "reconcile")["asynchronous"].(map[string]any)["maximumEventAgeSeconds"] = number("59")
		},
		"factor of eleven":                       func(d map[string]any) { stream(d)["parallelizationFactor"] = number("11") },
		"attempts that are not said":             func(d map[string]any) { delete(stream(d), "maximumRetryAttempts") },
		"age that is neither bound nor no bound": func(d map[string]any) { stream(d)["maximumRecordAgeSeconds"] = number("0") },
		"bisecting by its old name": func(d map[string]any) {
			delete(stream(d), "bisectBatchOnFunctionError")
			stream(d)["bisectOnError"] = true
		},
		"scope of a route without a token": func(d map[string]any) {
			at(d, "stripe-webhook")["routes"].([]any)[0].(map[string]any)["scopes"] = []any{"operator"}
		},
		"scope with a space": func(d map[string]any) {
			at(d, "orders")["routes"].([]any)[0].(map[string]any)["scopes"] = []any{"operator admin"}
		},
		"alarm of a function and a queue": func(d map[string]any) {
			a := d["alarms"].([]any)[0].(map[string]any)
			a["function"], a["queue"] = "pay", "payments"
		},
		"alarm of half a minute": func(d map[string]any) { d["alarms"].([]any)[0].(map[string]any)["seconds"] = number("30") },
	} {
		document := decoded(t)
		change(document)
		if err := compiled.Validate(document); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	document := decoded(t)
	at(document, "orders")["routes"].([]any)[0].(map[string]any)["scopes"] = []any{"operator"}
	if err := compiled.Validate(document); err != nil {
		t.Errorf("a route that asks for a scope: %v", err)
	}
}

// mirror and publish retry a record until an hour before the stream deletes it. They give it up then, so that a letter reports
// it; nothing would report a record that the stream has deleted.
func TestStreamRecordsAreGivenUpBeforeTheStreamLosesThem(t *testing.T) {
	const kept = 24 * time.Hour
	for _, f := range load(t).Functions {
		if f.Stream == nil {
			continue
		}
		if age := f.Stream.MaximumRecordAge(); age <= 0 || age >= kept || kept-age > time.Hour {
			t.Errorf("%s gives a record up after %s; the stream keeps it for %s", f.Name, age, kept)
		}
		if f.Stream.MaximumRetryAttempts != topology.Unlimited || !f.Stream.BisectBatchOnFunctionError {
			t.Errorf("%s: an outage must not use attempts up, and one bad record must not take its batch along: %+v", f.Name, *f.Stream)
		}
	}
}

// A late or failed run of reconcile is not repeated: the run of the next minute does the same, and two runs at once would send
// each step twice.
func TestOneReconcileAtATime(t *testing.T) {
	s := load(t)
	f := function(t, &s, "reconcile")
	if f.ReservedConcurrency != 1 || f.Asynchronous.MaximumRetryAttempts != 0 || f.Asynchronous.MaximumEventAgeSeconds > f.Schedule.EverySeconds {
		t.Errorf("reconcile: %+v, %+v", *f, *f.Asynchronous)
	}
}
