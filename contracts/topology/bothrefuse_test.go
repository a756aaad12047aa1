package topology_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"boxoffice/contracts/topology"
)

// whole is a specification that has each member of the schema somewhere.
func whole(t testing.TB) map[string]any {
	t.Helper()
	document := decoded(t)
	n := func(i int) json.Number { return json.Number(strconv.Itoa(i)) }
	document["rules"] = []any{map[string]any{
		"name": "r", "bus": "boxoffice", "source": "s", "detailTypes": []any{"x"}, "detail": map[string]any{"a": []any{"b", map[string]any{"exists": true}}}, "queue": "orders",
		"message": map[string]any{"paths": map[string]any{"a": "$.detail.a"}, "template": `{"a":<a>}`},
	}}
	for _, f := range document["functions"].([]any) {
		switch f := f.(map[string]any); f["name"] {
		case "pay":
			f["reservedConcurrency"] = n(20)
		case "orders":
			f["routes"].([]any)[0].(map[string]any)["scopes"] = []any{"operator"}
		}
	}
	return document
}

// described lists the members that the schema describes.
func described(node any, add func(member string)) {
	switch node := node.(type) {
	case map[string]any:
		if properties, ok := node["properties"].(map[string]any); ok && node["type"] == "object" {
			for member := range properties {
				add(member)
			}
		}
		for _, child := range node {
			described(child, add)
		}
	case []any:
		for _, child := range node {
			described(child, add)
		}
	}
}

// places calls f for each member in a document with the object that has it, its name, and its path. The path is the same for all
// items of a list and for all variables of an environment.
func places(value any, where string, f func(where string, holder map[string]any, member string)) {
	switch value := value.(type) {
	case map[string]any:
		for _, member := range slices.Sorted(maps.Keys(value)) {
			here := where + "/" + member
			if strings.HasSuffix(where, "/environment") {
				here = where + "/*"
			}
			f(here, value, member)
			places(value[member], here, f)
		}
	case []any:
		for _, item := range value {
			places(item, where+"/*", f)
		}
	}
}

// Terraform validates with the schema, lambdahost and devstack with Parse. If Parse accepted more, a mistake would be found only
// in production, or would mean something else on a developer's machine: a route with the auth "JWT" was once served without a
// token. The test removes each member of the specification, writes it in another case, and sets it to each of many values.
func TestParseRefusesWhatTheSchemaRefuses(t *testing.T) {
	t.Parallel()
	compiled := schema(t)
	document := whole(t)
	parse := func() error {
		encoded, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		_, err = topology.Parse(encoded)
		return err
	}
	if err := compiled.Validate(document); err != nil {
		t.Fatal(err)
	}
	if err := parse(); err != nil {
		t.Fatal(err)
	}
	var numbers []any
	for _, number := range strings.Fields("-2 -1 0 0.5 1 2 11 30 59 61 90 127 301 499 881 901 1001 3009 3601 10001 21601 86460 604801 1209601") {
		numbers = append(numbers, json.Number(number))
	}
	texts := []any{"", "JWT", "jwt ", "none", "Median", "p999", "x.fifo", "holdSecond", "queueURL:orders", "lifo", "ALL", "operator admin"}
	others := []any{nil, true, []any{}, []any{""}, []any{"a", "a"}, map[string]any{}, map[string]any{"a": "holdSeconds"}}
	tried, refused := map[string]bool{}, 0
	check := func(where, what string, value any) {
		if compiled.Validate(document) == nil {
			return
		}
		refused++
		if parse() == nil {
			t.Errorf("%s %s %v: the schema refuses it, Parse takes it", where, what, value)
		}
	}
	seen := map[string]int{}
	places(document, "", func(where string, holder map[string]any, member string) {
		// Two of a kind will do.
		if seen[where]++; seen[where] > 2 {
			return
		}
		tried[where[strings.LastIndex(where, "/")+1:]] = true
		kept := holder[member]
		values := others
		switch kept.(type) {
		case json.Number:
			values = append(slices.Clone(numbers), nil, "1")
		case string:
			values = append(slices.Clone(texts), nil, json.Number("1"))
		}
		for _, value := range values {
			holder[member] = value
			check(where, "is", value)
		}
		delete(holder, member)
		check(where, "is", "left out")
		holder[strings.ToUpper(member)] = kept
		check(where, "is written", strings.ToUpper(member))
		delete(holder, strings.ToUpper(member))
		holder[member] = kept
	})
	if refused < 1000 {
		t.Errorf("the schema refused %d documents only", refused)
	}
	var parsed any
	if err := json.Unmarshal(topology.Schema, &parsed); err != nil {
		t.Fatal(err)
	}
	described(parsed, func(member string) {
		if !tried[member] {
			t.Errorf("%s was not tried", member)
		}
	})
}

// These rules are about several members, each of which is valid alone.
func TestBothRefuseWhatDoesNotFitTogether(t *testing.T) {
	compiled := schema(t)
	at := func(d map[string]any, list, name string) map[string]any {
		for _, item := range d[list].([]any) {
			if item := item.(map[string]any); item["name"] == name {
				return item
			}
		}
		t.Fatalf("there is no %s in %s", name, list)
		return nil
	}
	for name, change := range map[string]func(d map[string]any){
		"reserved concurrency of a queue's function without maximumConcurrency": func(d map[string]any) {
			at(d, "functions", "reserve")["reservedConcurrency"] = json.Number("5")
		},
		"two delays": func(d map[string]any) { at(d, "queues", "orders")["delayAfterHoldSeconds"] = json.Number("1") },
		"receive count without dead letters": func(d map[string]any) {
			delete(at(d, "queues", "orders"), "deadLetterQueue")
		},
		"dead letters without a receive count": func(d map[string]any) {
			delete(at(d, "queues", "orders"), "maxReceiveCount")
		},
		"alarm below nothing": func(d map[string]any) { at(d, "alarms", "reconcile-absent")["threshold"] = json.Number("0") },
		"alarm of a function and a queue": func(d map[string]any) {
			at(d, "alarms", "payments-wait")["function"] = "pay"
		},
		"threshold after the delay of no queue": func(d map[string]any) { at(d, "alarms", "orders-wait")["afterDelay"] = true },
		"scopes without a token": func(d map[string]any) {
			at(d, "functions", "stripe-webhook")["routes"].([]any)[0].(map[string]any)["scopes"] = []any{"operator"}
		},
		"schedule without what becomes of a failed run": func(d map[string]any) {
			delete(at(d, "functions", "reconcile"), "asynchronous")
		},
		"function that nothing invokes": func(d map[string]any) { delete(at(d, "functions", "reserve"), "queue") },
	} {
		document := decoded(t)
		change(document)
		encoded, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if compiled.Validate(document) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
		if _, err := topology.Parse(encoded); err == nil {
			t.Errorf("%s: Parse takes it", name)
		}
	}
}

func TestParseRefusesTrailingData(t *testing.T) {
	if _, err := topology.Parse(append(slices.Clone(topology.JSON), "{}"...)); err == nil {
		t.Error("a second document was ignored")
	}
}
