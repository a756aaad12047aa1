package topology_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/message"
	"boxoffice/contracts/origin"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/topology"
	"boxoffice/contracts/topology/topologytest"
)

func load(t testing.TB) topology.Topology {
	t.Helper()
	loaded, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(topology.Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("topology.schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("topology.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func decoded(t testing.TB) map[string]any {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(topology.JSON))
	if err != nil {
		t.Fatal(err)
	}
	members, ok := document.(map[string]any)
	if !ok {
		t.Fatalf("topology.json is a %T", document)
	}
	return members
}

func TestSpecificationFitsItsSchema(t *testing.T) {
	if err := schema(t).Validate(decoded(t)); err != nil {
		t.Error(err)
	}
}

// objects calls f for each object of a document with its path.
func objects(value any, where string, f func(where string, object map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		f(where, v)
		for name, member := range v {
			objects(member, where+"/"+name, f)
		}
	case []any:
		for _, item := range v {
			objects(item, where+"/*", f)
		}
	}
}

// An unknown member is a typing error, which Terraform and the local stack would otherwise ignore.
func TestUnknownMembersAreRefused(t *testing.T) {
	compiled := schema(t)
	document := decoded(t)
	seen := map[string]bool{}
	objects(document, "", func(where string, object map[string]any) {
		seen[where] = true
		object["nonsense"] = json.Number("1")
		if err := compiled.Validate(document); err == nil {
			t.Errorf("the schema takes an unknown member in %q", where)
		}
		encoded, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := topology.Parse(encoded); err == nil {
			t.Errorf("Parse takes an unknown member in %q", where)
		}
		delete(object, "nonsense")
	})
	for _, where := range []string{"", "/queues/*", "/tables/*/indexes/*/sortKey", "/functions/*/environment", "/functions/*/routes/*"} {
		if !seen[where] {
			t.Errorf("nothing was tried in %q", where)
		}
	}
	if err := compiled.Validate(document); err != nil {
		t.Errorf("not put back: %v", err)
	}
}

// Each row breaks one rule of the schema.
func TestSchemaRules(t *testing.T) {
	compiled := schema(t)
	at := func(d map[string]any, list string, i int) map[string]any { return d[list].([]any)[i].(map[string]any) }
	for name, change := range map[string]func(d map[string]any){
		"no version":                        func(d map[string]any) { delete(d, "version") },
		"another version":                   func(d map[string]any) { d["version"] = json.Number("2") },
		"Region letter in upper case":       func(d map[string]any) { d["homeRegionLetter"] = "E" },
		"hold of no length":                 func(d map[string]any) { d["holdSeconds"] = json.Number("0") },
		"hold longer than a queue can wait": func(d map[string]any) { d["holdSeconds"] = json.Number("881") },
		"hold of half a second":             func(d map[string]any) { d["holdSeconds"] = json.Number("0.5") },
		"queue name with a suffix":          func(d map[string]any) { at(d, "queues", 0)["name"] = "orders.fifo" },
		"two delays":                        func(d map[string]any) { at(d, "queues", 0)["delayAfterHoldSeconds"] = json.Number("1") },
		"receive count that innocents reach": func(d map[string]any) {
			at(d, "queues", 0)["maxReceiveCount"] = json.Number("100")
		},
		"receive count that SQS does not take": func(d map[string]any) {
			at(d, "queues", 0)["maxReceiveCount"] = json.Number("1001")
		},
		"receive count without dead letters": func(d map[string]any) { delete(at(d, "queues", 0), "deadLetterQueue") },
		"dead letters without receive count": func(d map[string]any) { delete(at(d, "queues", 0), "maxReceiveCount") },
		"key of another type":                func(d map[string]any) { at(d, "tables", 0)["partitionKey"].(map[string]any)["type"] = "B" },
		"another side":                       func(d map[string]any) { at(d, "functions", 0)["side"] = "scripts" },
		"batch that FIFO does not give": func(d map[string]any) {
			at(d, "functions", 2)["queue"] = map[string]any{"name": "orders", "batchSize": json.Number("11")}
		},
		"reference of another kind": func(d map[string]any) {
			at(d, "functions", 0)["environment"] = map[string]any{"A": "password:x"}
		},
		"variable in lower case": func(d map[string]any) {
			at(d, "functions", 0)["environment"] = map[string]any{"a": "holdSeconds"}
		},
	} {
		document := decoded(t)
		change(document)
		if err := compiled.Validate(document); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

var ruleMessage = topology.RuleMessage{Paths: map[string]string{"a": "$.detail.a"}, Template: `{"a":<a>}`}

// Each row breaks one rule of Validate, and only that problem is reported.
func TestValidateRules(t *testing.T) {
	for want, change := range map[string]func(*topology.Topology){
		"holdSeconds must be 1 to 880, is 0":                                                        func(s *topology.Topology) { s.HoldSeconds = 0 },
		"orderDeadlineSeconds must be 1 to 3600, is -1":                                             func(s *topology.Topology) { s.OrderDeadlineSeconds = -1 },
		"visibilityTimeoutFactor must be 1 to 20, is 0":                                             func(s *topology.Topology) { s.VisibilityTimeoutFactor = 0 },
		`queue "orders" is there twice`:                                                             func(s *topology.Topology) { s.Queues = append(s.Queues, s.Queues[0]) },
		`table "tickets" is there twice`:                                                            func(s *topology.Topology) { s.Tables = append(s.Tables, s.Tables[1]) },
		`function "expire" is there twice`:                                                          func(s *topology.Topology) { s.Functions = append(s.Functions, s.Functions[3]) },
		"queue expiries: delay of 901 s is over the 900 s that SQS allows; holdSeconds is too long": func(s *topology.Topology) { s.HoldSeconds = 890 },
		`queue orders: deadLetterQueue names unknown queue "nowhere"`:                               func(s *topology.Topology) { s.Queues[0].DeadLetterQueue = "nowhere" },
		"function idle has no source: nothing would ever invoke it": func(s *topology.Topology) {
			s.Functions = append(s.Functions, topology.Function{Name: "idle", Side: "consumers", TimeoutSeconds: 1, MemoryMegabytes: 128})
		},
		`route "POST /api/orders" belongs to both orders and queries`: func(s *topology.Topology) {
			s.Functions[1].Routes = append(s.Functions[1].Routes, s.Functions[0].Routes[0])
		},
		`function queries: route "GET /api/concerts" has no HEAD of its own with the same auth`: func(s *topology.Topology) {
			s.Functions[1].Routes = slices.DeleteFunc(s.Functions[1].Routes, func(r topology.Route) bool { return r.Route == "HEAD /api/concerts" })
		},
		"the routes of the WebSocket API belong to both orders and connections": func(s *topology.Topology) {
			s.Functions[0].WebSocket = slices.Clone(topology.WebSocketRoutes)
		},
		"function connections: websocket has no route $disconnect": func(s *topology.Topology) {
			functionOf(s, "connections").WebSocket = []string{"$connect", "$default"}
		},
		`function connections: websocket: route "$connect" is there twice`: func(s *topology.Topology) {
			functionOf(s, "connections").WebSocket = []string{"$connect", "$connect", "$default"}
		},
		`function connections: websocket must be one of ["$connect" "$disconnect" "$default"], is "ping"`: func(s *topology.Topology) {
			functionOf(s, "connections").WebSocket = []string{"$connect", "$disconnect", "ping"}
		},
		`function orders: route "HEAD /api/x" has no GET of its own with the same auth`: func(s *topology.Topology) {
			s.Functions[0].Routes = append(s.Functions[0].Routes, topology.Route{Route: "HEAD /api/x", Auth: "jwt"})
		},
		`function reserve: queue names unknown queue "nowhere"`:      func(s *topology.Topology) { s.Functions[2].Queue.Name = "nowhere" },
		`function reserve: stream of unknown table "nowhere"`:        func(s *topology.Topology) { s.Functions[2].Stream = &topology.StreamSource{Table: "nowhere"} },
		"function reserve: table tickets has no stream":              func(s *topology.Topology) { s.Functions[2].Stream = &topology.StreamSource{Table: "tickets"} },
		`function orders: X names unknown queue "nowhere"`:           func(s *topology.Topology) { s.Functions[0].Environment["X"] = "queueUrl:nowhere" },
		`function orders: X names unknown table "nowhere"`:           func(s *topology.Topology) { s.Functions[0].Environment["X"] = "tableName:nowhere" },
		`function orders: X names unknown bus "nowhere"`:             func(s *topology.Topology) { s.Functions[0].Environment["X"] = "busName:nowhere" },
		`function orders: X names unknown secret "nowhere"`:          func(s *topology.Topology) { s.Functions[0].Environment["X"] = "secret:nowhere" },
		`function orders: X has unknown reference "queueURL:orders"`: func(s *topology.Topology) { s.Functions[0].Environment["X"] = "queueURL:orders" },
		`rule r: queue names unknown queue "nowhere"`: func(s *topology.Topology) {
			s.Rules = []topology.Rule{{Name: "r", Bus: "boxoffice", Source: "s", DetailTypes: []string{"x"}, Queue: "nowhere", Message: ruleMessage}}
		},
		"rule r has no source": func(s *topology.Topology) {
			s.Rules = []topology.Rule{{Name: "r", Bus: "boxoffice", DetailTypes: []string{"x"}, Queue: "orders", Message: ruleMessage}}
		},
		"rule r has no message": func(s *topology.Topology) {
			s.Rules = []topology.Rule{{Name: "r", Bus: "boxoffice", Source: "s", DetailTypes: []string{"x"}, Queue: "orders"}}
		},
		"rule r: its message has <b> and no path for it": func(s *topology.Topology) {
			s.Rules = []topology.Rule{{Name: "r", Bus: "boxoffice", Source: "s", DetailTypes: []string{"x"}, Queue: "orders",
				Message: topology.RuleMessage{Paths: ruleMessage.Paths, Template: `{"a":<a>,"b":<b>}`}}}
		},
		`rule r: path a is "$.detail.a[0]", which is not of the form ^\$([.][A-Za-z0-9_-]+)+$`: func(s *topology.Topology) {
			s.Rules = []topology.Rule{{Name: "r", Bus: "boxoffice", Source: "s", DetailTypes: []string{"x"}, Queue: "orders",
				Message: topology.RuleMessage{Paths: map[string]string{"a": "$.detail.a[0]"}, Template: `{"a":<a>}`}}}
		},
		`rule r names unknown bus "nowhere"`: func(s *topology.Topology) {
			s.Rules = []topology.Rule{{Name: "r", Bus: "nowhere", Source: "s", DetailTypes: []string{"x"}, Queue: "orders", Message: ruleMessage}}
		},
	} {
		s := load(t)
		change(&s)
		err := s.Validate()
		if err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), "topology: "+want) {
			t.Errorf("want %q among the problems: %v", want, err)
		}
		// A duplicate function or route is reported as two problems at most.
		if err != nil && strings.Count(err.Error(), "\n") > 1 {
			t.Errorf("one mistake, many problems: %v", err)
		}
	}
}

func TestValidateReportsAllProblems(t *testing.T) {
	s := load(t)
	s.HoldSeconds, s.VisibilityTimeoutFactor, s.Functions[2].Queue.Name = 0, 0, "nowhere"
	if err := s.Validate(); err == nil || strings.Count(err.Error(), "topology: ") != 3 {
		t.Errorf("error %v, want three problems", err)
	}
}

func TestParseRefusesBrokenJSON(t *testing.T) {
	for _, data := range []string{"", "[]", "{", `{"version":"1"}`} {
		if _, err := topology.Parse([]byte(data)); err == nil {
			t.Errorf("%q was taken", data)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(topology.JSON)
	f.Add([]byte(`{"functions":[{"name":"a","environment":{"X":"queueUrl:"}}],"rules":[{}],"queues":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := topology.Parse(data)
		if err != nil {
			return
		}
		encoded, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := topology.Parse(encoded); err != nil {
			t.Errorf("%s was taken, and not as it is written: %v", data, err)
		}
	})
}

func TestDerivedNumbers(t *testing.T) {
	s := load(t)
	for queue, want := range map[string]time.Duration{"orders": 30 * time.Second, "expiries": 30 * time.Second, "orders-dead": 30 * time.Second} {
		if got := s.VisibilityTimeout(queue); got != want {
			t.Errorf("visibility timeout of %s is %s, want %s", queue, got, want)
		}
	}
	reserve, _ := s.FunctionNamed("reserve")
	if reserve.TimeoutSeconds != 5 {
		t.Errorf("reserve has %d s, want 5", reserve.TimeoutSeconds)
	}
	s.Functions[2].TimeoutSeconds = 7
	if got := s.VisibilityTimeout("orders"); got != 42*time.Second {
		t.Errorf("visibility timeout follows the function's timeout: %s, want 42 s", got)
	}
	for _, c := range []struct {
		queue topology.Queue
		want  time.Duration
	}{
		{topology.Queue{}, 0}, {topology.Queue{DelaySeconds: 7}, 7 * time.Second}, {topology.Queue{DelayAfterHoldSeconds: 11}, 311 * time.Second},
	} {
		if got := s.Delay(c.queue); got != c.want {
			t.Errorf("delay of %+v is %s, want %s", c.queue, got, c.want)
		}
	}
	if _, found := s.FunctionNamed("nonsense"); found {
		t.Error("found a function that is not there")
	}
}

// An ExpireHold that is delivered before D + 10 s would only be returned to the queue.
func TestExpiryComesWhenItIsDue(t *testing.T) {
	s := load(t)
	for _, q := range s.Queues {
		if q.Name != string(message.QueueExpiries) {
			continue
		}
		due := time.Duration(s.HoldSeconds)*time.Second + seatstate.ExpireAfter
		if d := s.Delay(q); d <= due || d > due+5*time.Second {
			t.Errorf("expiries come after %s, the hold is over after %s", d, due)
		}
	}
}

// Every queue to which messages are sent exists, is read by a function and has a dead-letter queue.
func TestQueuesOfMessages(t *testing.T) {
	s := load(t)
	for _, name := range []message.Queue{message.QueueOrders, message.QueueExpiries} {
		i := slices.IndexFunc(s.Queues, func(q topology.Queue) bool { return q.Name == string(name) })
		if i < 0 || s.Queues[i].DeadLetterQueue == "" {
			t.Errorf("queue %s is missing or has no dead letters", name)
		}
		readers := 0
		for _, f := range s.Functions {
			if f.Queue != nil && f.Queue.Name == string(name) {
				readers++
			}
		}
		if readers != 1 {
			t.Errorf("queue %s has %d readers", name, readers)
		}
	}
}

func TestEveryVariableResolves(t *testing.T) {
	s := load(t)
	for _, f := range s.Functions {
		env, err := f.Resolve(topologytest.Values(s))
		if err != nil || len(env) != len(f.Environment) {
			t.Errorf("%s: %d of %d variables, %v", f.Name, len(env), len(f.Environment), err)
		}
		for variable, reference := range f.Environment {
			if env[variable] != topologytest.Values(s)[reference] {
				t.Errorf("%s: %s is %q", f.Name, variable, env[variable])
			}
		}
	}
	want := topology.Values{"homeRegionLetter": "e", "holdSeconds": "300", "orderDeadlineSeconds": "120", "stripeRequestsPerSecond": "100"}
	for name, value := range want {
		if got := s.Numbers()[name]; got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

func TestResolveReportsAllMissingValues(t *testing.T) {
	f := topology.Function{Name: "f", Environment: map[string]string{"B": "queueUrl:b", "A": "tableName:a", "C": "holdSeconds"}}
	env, err := f.Resolve(topology.Values{"holdSeconds": "300"})
	if want := "function f: no value for A (tableName:a), B (queueUrl:b)"; env != nil || err == nil || err.Error() != want {
		t.Errorf("environment %v, error %v, want %s", env, err, want)
	}
}

// Producers only read: only consumers get the Redis user that writes and the name of the table of tickets.
func TestProducersOnlyRead(t *testing.T) {
	for _, f := range load(t).Functions {
		for variable, reference := range f.Environment {
			if f.Side == "producers" && (strings.HasPrefix(reference, "redisWriter") || reference == "tableName:tickets") {
				t.Errorf("%s has %s = %s", f.Name, variable, reference)
			}
		}
	}
}

// Passwords of Redis and all values that only a function may know are secrets. Names, addresses and values that a browser gets are
// not.
func TestWhichReferencesAreSecret(t *testing.T) {
	s := load(t)
	for reference := range topologytest.Values(s) {
		want := strings.HasPrefix(reference, "secret:") || reference == "redisReaderPassword" || reference == "redisWriterPassword" || reference == "redisPayPassword"
		if topology.IsSecret(reference) != want {
			t.Errorf("%s: secret %v, want %v", reference, !want, want)
		}
	}
	// Only the functions that need one of these secrets have it.
	for _, f := range s.Functions {
		for variable, reference := range f.Environment {
			if slices.Contains([]string{"secret:token-keys", "secret:sessions", "secret:mail-links"}, reference) && f.Name != "identity" &&
				(reference != "secret:mail-links" || f.Name != "notify") {
				t.Errorf("%s has %s = %s", f.Name, variable, reference)
			}
			if reference == "secret:stripe-api" && f.Name != "pay" || reference == "redisPayPassword" && f.Name != "pay" || reference == "redisWriterPassword" && f.Name == "pay" {
				t.Errorf("%s has %s = %s", f.Name, variable, reference)
			}
		}
	}
}

// A function that has routes refuses requests that did not come through the edge; no other function knows the secret.
func TestFunctionsWithRoutesKnowTheOriginSecret(t *testing.T) {
	for _, f := range load(t).Functions {
		if has := f.Environment["ORIGIN_SECRETS"] == origin.Reference; has != (len(f.Routes) > 0) {
			t.Errorf("%s: has ORIGIN_SECRETS %t, %d routes", f.Name, has, len(f.Routes))
		}
	}
}

// The functions that compare keys or events with the payment mode get it.
func TestFunctionsThatCompareThePaymentModeGetIt(t *testing.T) {
	for _, f := range load(t).Functions {
		compares := slices.Contains([]string{"pay", "commit", "queries", "stripe-webhook"}, f.Name)
		if has := f.Environment["PAYMENT_MODE"] == "paymentMode"; has != compares {
			t.Errorf("%s: has the mode %v, compares it %v", f.Name, has, compares)
		}
	}
}

// A buyer who paid in time must not lose seats because Redis is down: commit has no address of Redis and so needs no VPC, and has
// no name that only a seat group in Redis needs.
func TestCommitDoesNotKnowRedis(t *testing.T) {
	commit, found := load(t).FunctionNamed("commit")
	if !found {
		t.Fatal("there is no commit")
	}
	for variable, reference := range commit.Environment {
		if strings.HasPrefix(reference, "redis") || slices.Contains([]string{
			"tableName:concerts", "tableName:layouts", "tableName:groups", "queueUrl:orders", "holdSeconds",
		}, reference) {
			t.Errorf("commit has %s = %s", variable, reference)
		}
	}
}

// The batching window adds to the lag of mirror. The limit of the lag must leave time to read the stream, which AWS does four
// times a second, and to apply a batch. publish has no window.
func TestTheBatchingWindowFitsTheLimitOfTheLag(t *testing.T) {
	for _, f := range load(t).Functions {
		if f.Stream == nil {
			continue
		}
		window := time.Duration(f.Stream.BatchingWindowSeconds) * time.Second
		if limit := telemetry.MirrorLagLimit - time.Second; f.Name == "mirror" && (window > limit || limit <= 0) {
			t.Errorf("mirror gathers records for %s, want at most %s", window, limit)
		}
		if f.Name == "publish" && window > 0 {
			t.Errorf("publish gathers records for %s", window)
		}
	}
	// A sale is mirrored before the hold of its seats lapses, even if the order commits in the last moment and mirror reads the
	// stream as late as the alarm allows.
	if last := seatstate.CommitUntil + telemetry.MirrorStreamAgeLimit + telemetry.MirrorLagLimit; last >= seatstate.LapseAfter {
		t.Errorf("a sale of the last moment shows %s after the end of its hold, which lapses after %s", last, seatstate.LapseAfter)
	}
}

// The rules send ids alone: the message of an event of each kind is one that the queue's handler decodes, with nothing of the event
// beside it.
func TestTheMessagesOfRulesAreDecoded(t *testing.T) {
	ses := `{"detail":{"mail":{"tags":{"account":["u1"]},"destination":["c4n4ry@example.com"]},"bounce":{"bounceType":"Permanent"}}}`
	order := `{"detail":{"v":1,"orderId":"e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4","version":4,"status":"CONFIRMED","userId":"c4n4ry","seats":["A-1"]}}`
	for name, c := range map[string]struct {
		event string
		want  message.Message
	}{
		"orders-to-notifications":     {order, message.NotifyOrder{OrderID: "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", RowVersion: 4, Status: contracts.Confirmed}},
		"bounces-to-notifications":    {ses, message.StopMails{UserIDs: []string{"u1"}, Reason: message.MailBounced}},
		"complaints-to-notifications": {ses, message.StopMails{UserIDs: []string{"u1"}, Reason: message.MailComplained}},
	} {
		s := load(t)
		i := slices.IndexFunc(s.Rules, func(r topology.Rule) bool { return r.Name == name })
		if i < 0 {
			t.Errorf("there is no rule %s", name)
			continue
		}
		body := transformed(t, s.Rules[i].Message, c.event)
		got, err := message.Decode(body)
		if err != nil || !reflect.DeepEqual(got, c.want) || strings.Contains(body, "c4n4ry") {
			t.Errorf("%s: %s is %+v, %v", name, body, got, err)
		}
		if got != nil && string(got.Route().Queue) != s.Rules[i].Queue {
			t.Errorf("%s sends to %s, the message goes to %s", name, s.Rules[i].Queue, got.Route().Queue)
		}
	}
}

// transformed does what EventBridge's input transformer does: a value that stands alone is JSON, one in quotes is text.
func transformed(t *testing.T, m topology.RuleMessage, event string) string {
	t.Helper()
	var document any
	if err := json.Unmarshal([]byte(event), &document); err != nil {
		t.Fatal(err)
	}
	body := m.Template
	for name, path := range m.Paths {
		value := document
		for _, member := range strings.Split(path, ".")[1:] {
			value = value.(map[string]any)[member]
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		body = strings.ReplaceAll(body, `"<`+name+`>"`, string(encoded))
		body = strings.ReplaceAll(body, `<`+name+`>`, string(encoded))
	}
	return body
}

// Every status that an order can have is a detail type of the rule: one that is missing would never be pushed.
func TestTheRuleOfOrdersHasEveryDetailType(t *testing.T) {
	s := load(t)
	i := slices.IndexFunc(s.Rules, func(r topology.Rule) bool { return r.Name == "orders-to-notifications" })
	if i < 0 || s.Rules[i].Source != event.Source {
		t.Fatalf("rule %d of %+v", i, s.Rules)
	}
	var want []string
	for _, status := range contracts.Statuses() {
		if detailType := event.DetailType(status); detailType != "" {
			want = append(want, detailType)
		}
	}
	if !slices.Equal(s.Rules[i].DetailTypes, want) {
		t.Errorf("the rule has %v, the events are %v", s.Rules[i].DetailTypes, want)
	}
}

// functionOf returns the function, for a test that changes it.
func functionOf(t *topology.Topology, name string) *topology.Function {
	return &t.Functions[slices.IndexFunc(t.Functions, func(f topology.Function) bool { return f.Name == name })]
}
