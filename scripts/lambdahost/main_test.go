package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	tabletypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/scripts/internal/ministacktest"
	"boxoffice/scripts/lambdahost/internal/echofn"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

var emulator ministacktest.Emulator

// asHost makes the test binary run as the real command, so that tests can send it signals and kill it.
const asHost = "LAMBDAHOST_TEST_AS_HOST"

func TestMain(m *testing.M) {
	if echofn.Serving() {
		echofn.Serve()
	}
	if os.Getenv(asHost) != "" {
		main()
	}
	os.Exit(emulator.Run(m))
}

// originSecret is what an edge of the tests sends.
const originSecret = "the-secret-of-the-origin-of-these-tests"

const topologyJSON = `{
  "$schema": "./topology.schema.json", "version": 1, "homeRegionLetter": "e", "holdSeconds": 5, "orderDeadlineSeconds": 5, "visibilityTimeoutFactor": 2, "stripeRequestsPerSecond": 1,
  "queues": [{"name": "orders", "purpose": "test", "retentionSeconds": 60}, {"name": "letters", "type": "standard", "purpose": "test", "retentionSeconds": 60}],
  "tables": [{"name": "orders", "partitionKey": {"name": "orderId", "type": "S"}, "stream": "NEW_AND_OLD_IMAGES", "pointInTimeRecovery": false}],
  "buses": [], "rules": [], "secrets": [{"name": "reserve-journal", "purpose": "test"}, {"name": "mirror-journal", "purpose": "test"}, {"name": "origin", "purpose": "test"}],
  "functions": [
    {"name": "web", "side": "producers", "timeoutSeconds": 5, "memoryMegabytes": 256, "reservedConcurrency": 2, "environment": {"HOLD_SECONDS": "holdSeconds"},
     "websocket": ["$connect", "$disconnect", "$default"],
     "routes": [{"route": "POST /api/orders", "auth": "none"}, {"route": "GET /api/mine", "auth": "jwt"}, {"route": "HEAD /api/mine", "auth": "jwt"}, {"route": "$default", "auth": "none"}]},
    {"name": "reserve", "side": "consumers", "timeoutSeconds": 1, "memoryMegabytes": 256, "queue": {"name": "orders", "batchSize": 10}, "environment": {"ECHOFN_JOURNAL": "secret:reserve-journal"}},
    {"name": "mirror", "side": "consumers", "timeoutSeconds": 1, "memoryMegabytes": 256, "stream": {"table": "orders", "batchSize": 10, "parallelizationFactor": 2, "maximumRetryAttempts": 1, "maximumRecordAgeSeconds": 3600, "bisectBatchOnFunctionError": true, "onFailure": "letters"}, "environment": {"ECHOFN_JOURNAL": "secret:mirror-journal"}}
  ],
  "alarms": []
}`

// stack is a running host with its queue and table.
type stack struct {
	command          *exec.Cmd
	exited           chan error
	gateway, control string
	// edge is set if the host was started with --edge.
	edge       string
	queues     *sqs.Client
	tables     *dynamodb.Client
	queueURL   string
	lettersURL string
	directory  string
}

func startStack(t *testing.T, more ...string) *stack {
	t.Helper()
	cfg := emulator.Tenant(t)
	s := &stack{queues: sqs.NewFromConfig(cfg), tables: dynamodb.NewFromConfig(cfg), directory: t.TempDir(), exited: make(chan error, 1)}
	s.create(t)
	write := func(name, content string) string {
		path := filepath.Join(s.directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	values, err := json.Marshal(map[string]string{
		"queueUrl:orders": s.queueURL, "queueUrl:letters": s.lettersURL, "tableName:orders": "orders",
		"secret:reserve-journal": filepath.Join(s.directory, "reserve.journal"), "secret:mirror-journal": filepath.Join(s.directory, "mirror.journal"),
		"secret:origin": originSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web", "reserve", "mirror"} {
		echofn.Link(t, filepath.Join(s.directory, "functions", name))
	}
	credentials, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.command = exec.Command(executable, "--topology", write("topology.json", topologyJSON), "--values", write("values.json", string(values)), //nolint:gosec // the test binary itself
		"--functions", filepath.Join(s.directory, "functions"), "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
		"--processes", "web=3", "--poll-every", "20ms", "--log-dir", filepath.Join(s.directory, "logs"))
	s.command.Args = append(s.command.Args, more...)
	s.command.Env = append(os.Environ(), asHost+"=1", "AWS_ENDPOINT_URL="+aws.ToString(cfg.BaseEndpoint), "AWS_REGION="+cfg.Region,
		"AWS_ACCESS_KEY_ID="+credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	s.run(t)
	return s
}

func (s *stack) create(t *testing.T) {
	t.Helper()
	queue, err := s.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders.fifo"), Attributes: map[string]string{"FifoQueue": "true", "VisibilityTimeout": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	s.queueURL = *queue.QueueUrl
	letters, err := s.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("letters")})
	if err != nil {
		t.Fatal(err)
	}
	s.lettersURL = *letters.QueueUrl
	if _, err := s.tables.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("orders"), BillingMode: tabletypes.BillingModePayPerRequest,
		AttributeDefinitions: []tabletypes.AttributeDefinition{{AttributeName: aws.String("orderId"), AttributeType: tabletypes.ScalarAttributeTypeS}},
		KeySchema:            []tabletypes.KeySchemaElement{{AttributeName: aws.String("orderId"), KeyType: tabletypes.KeyTypeHash}},
		StreamSpecification:  &tabletypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: tabletypes.StreamViewTypeNewAndOldImages},
	}); err != nil {
		t.Fatal(err)
	}
}

// run starts the host and reads its addresses from its log.
func (s *stack) run(t *testing.T) {
	t.Helper()
	log, err := s.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// This does nothing if the test has already ended the host.
		_ = s.command.Process.Kill()
		for range s.exited { // closed once it has ended
		}
	})
	addresses := make(chan [2]string, 10)
	go func() {
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			var entry struct{ Msg, Route string }
			if err := json.Unmarshal(lines.Bytes(), &entry); err == nil && entry.Route != "" {
				addresses <- [2]string{entry.Msg, entry.Route}
			}
		}
		s.exited <- s.command.Wait()
		close(s.exited)
	}()
	for s.gateway == "" || s.control == "" {
		select {
		case a := <-addresses:
			switch {
			case strings.Contains(a[0], "control"):
				s.control = a[1]
			case strings.Contains(a[0], "edge"):
				s.edge = a[1]
			default:
				s.gateway = a[1]
			}
		case err := <-s.exited:
			t.Fatalf("the host ended: %v", err)
		case <-time.After(20 * time.Second):
			t.Fatal("no addresses within 20 s")
		}
	}
	eventually(t, "ready", func() bool { status, _, _ := call(t, http.MethodGet, s.control+"/healthz", ""); return status == 200 })
}

func call(t *testing.T, method, address, body string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content), response.Header
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *stack) journal(t *testing.T, name string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.directory, name+".journal"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(content), "\n")
	return lines[:len(lines)-1] // an incomplete last line is dropped
}

type status struct {
	Functions []runtimeapi.FunctionStatus `json:"functions"`
	Sources   []map[string]any            `json:"sources"`
}

func (s *stack) status(t *testing.T) status {
	t.Helper()
	_, body, _ := call(t, http.MethodGet, s.control+"/status", "")
	var out status
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *stack) pids(t *testing.T) []int {
	t.Helper()
	var pids []int
	for _, f := range s.status(t).Functions {
		for _, p := range f.Processes {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestWholeHost(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	t.Run("HTTP", func(t *testing.T) {
		code, body, _ := call(t, http.MethodPost, s.gateway+"/api/orders?a=1", `{"seat":"A-1"}`)
		var e events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		if code != 200 || e.RouteKey != "POST /api/orders" || e.Body != `{"seat":"A-1"}` || e.QueryStringParameters["a"] != "1" {
			t.Errorf("%d %s", code, body)
		}
		if code, body, _ := call(t, http.MethodGet, s.gateway+"/api/mine", ""); code != 401 || body != `{"message":"Unauthorized"}` {
			t.Errorf("without a token: %d %s", code, body)
		}
		if code, body, _ := call(t, http.MethodPost, s.gateway+"/api/orders", `{"do":"panic"}`); code != 500 {
			t.Errorf("panic: %d %s", code, body)
		}
	})
	t.Run("direct", func(t *testing.T) {
		code, body, header := call(t, http.MethodPost, s.control+"/invoke/web", `{"do":"error","text":"no"}`)
		if code != 200 || header.Get("X-Amz-Function-Error") != "Unhandled" || !strings.Contains(body, `"errorMessage":"no"`) {
			t.Errorf("%d %s %v", code, body, header)
		}
		if code, _, _ := call(t, http.MethodPost, s.control+"/invoke/absent", `{}`); code != 404 {
			t.Errorf("absent function: %d", code)
		}
		_, body, _ = call(t, http.MethodPost, s.control+"/invoke/web", `{"do":"environment"}`)
		if !strings.Contains(body, `"HOLD_SECONDS=5"`) || !strings.Contains(body, `"AWS_ENDPOINT_URL=`) || strings.Contains(body, asHost) {
			t.Errorf("environment %s", body)
		}
	})
	t.Run("queue", func(t *testing.T) {
		var want []string
		for i := range 12 {
			body := fmt.Sprintf("m%02d", i)
			if i == 5 {
				// Its first delivery kills the process; the whole batch is redelivered after the visibility timeout.
				body = `{"do":"exit"}`
			}
			want = append(want, body)
			if _, err := s.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &s.queueURL, MessageBody: &body, MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String(fmt.Sprint(i))}); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "handled the last message", func() bool { j := s.journal(t, "reserve"); return len(j) > 0 && j[len(j)-1] == "m11" })
		// Messages of the failed batch may appear twice; the first handling of each must be in order.
		var first []string
		seen := map[string]bool{}
		for _, line := range s.journal(t, "reserve") {
			if !seen[line] {
				first = append(first, line)
			}
			seen[line] = true
		}
		if !reflect.DeepEqual(first, want) {
			t.Errorf("handled %v", first)
		}
		if f := s.status(t).Functions[1]; f.Name != "reserve" || f.Crashes != 1 {
			t.Errorf("status %+v", f)
		}
	})
	t.Run("stream", func(t *testing.T) {
		if _, err := s.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("orders"), Item: map[string]tabletypes.AttributeValue{"orderId": &tabletypes.AttributeValueMemberS{Value: "o1"}}}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the record is handled", func() bool { return len(s.journal(t, "mirror")) > 0 })
		var e events.DynamoDBEvent
		if err := json.Unmarshal([]byte(s.journal(t, "mirror")[0]), &e); err != nil {
			t.Fatal(err)
		}
		if e.Records[0].EventName != "INSERT" || e.Records[0].Change.NewImage["orderId"].String() != "o1" {
			t.Errorf("event %+v", e)
		}
	})
	t.Run("given-up records", func(t *testing.T) {
		if _, err := s.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("orders"), Item: map[string]tabletypes.AttributeValue{
			"orderId": &tabletypes.AttributeValueMemberS{Value: "o2"}, "fails": &tabletypes.AttributeValueMemberBOOL{Value: true},
		}}); err != nil {
			t.Fatal(err)
		}
		var letter string
		eventually(t, "the letter arrives", func() bool {
			out, err := s.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &s.lettersURL})
			if err != nil || len(out.Messages) == 0 {
				return false
			}
			letter = *out.Messages[0].Body
			return true
		})
		for _, want := range []string{
			`"condition":"RetryAttemptsExhausted"`, `"approximateInvokeCount":2`, `"functionArn":"arn:aws:lambda:`, `:function:mirror"`, `"batchSize":1`, `table/orders/stream/`,
		} {
			if !strings.Contains(letter, want) {
				t.Errorf("no %s in %s", want, letter)
			}
		}
	})
	t.Run("reserved concurrency", func(t *testing.T) {
		// The two must still be running when the third and the fourth get their responses, however busy the machine is.
		ended := make(chan int, 2)
		for range 2 {
			go func() {
				code, _, _ := call(t, http.MethodPost, s.gateway+"/api/orders", `{"do":"sleep","for":"3s"}`)
				ended <- code
			}()
		}
		eventually(t, "two requests are running", func() bool { return s.status(t).Functions[0].InFlight == 2 })
		if code, body, _ := call(t, http.MethodPost, s.control+"/invoke/web", `{}`); code != 429 || !strings.Contains(body, "ReservedFunctionConcurrentInvocationLimitExceeded") {
			t.Errorf("a direct invocation: %d %s", code, body)
		}
		if code, body, _ := call(t, http.MethodPost, s.gateway+"/api/orders", `{}`); code != 503 || body != `{"message":"Service Unavailable"}` {
			t.Errorf("a request: %d %s", code, body)
		}
		for range 2 {
			if code := <-ended; code != 200 {
				t.Errorf("a request within the concurrency: %d", code)
			}
		}
	})
	t.Run("status", func(t *testing.T) {
		got := s.status(t)
		if len(got.Functions) != 3 || len(got.Functions[0].Processes) != 2 || len(got.Functions[1].Processes) != 2 || len(got.Sources) != 3 {
			t.Errorf("status %+v", got)
		}
	})
}

func TestSIGTERMFinishesWorkAndLeavesNoProcess(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	pids := s.pids(t)
	answered := make(chan int, 1)
	go func() {
		code, _, _ := call(t, http.MethodPost, s.gateway+"/api/orders", `{"do":"sleep","for":"3s"}`)
		answered <- code
	}()
	eventually(t, "the request is running", func() bool { return s.status(t).Functions[0].InFlight == 1 })
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// The function returns a bare number, which an HTTP API takes as the body of a 200.
	if code := <-answered; code != 200 {
		t.Errorf("the request under way got %d", code)
	}
	if err := <-s.exited; err != nil {
		t.Errorf("exit: %v", err)
	}
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("process %d outlived the host", pid)
		}
	}
}

func TestSIGKILLOfTheHostEndsItsProcesses(t *testing.T) {
	t.Parallel()
	s := startStack(t)
	pids := s.pids(t)
	if err := s.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		eventually(t, "the process is gone", func() bool { return gone(pid) || zombie(pid) })
	}
}

// zombie reports whether a dead process is still in the process table. Without an init that reaps orphans, as in some containers,
// it stays there.
func zombie(pid int) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(content, []byte(") Z "))
}

func TestExitCodes(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "000000000001")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	directory := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	functions := filepath.Join(directory, "functions")
	echofn.Link(t, filepath.Join(functions, "web"))
	onlyWeb := file("web.json", `{"$schema":"./topology.schema.json","version":1,"homeRegionLetter":"e","holdSeconds":5,"orderDeadlineSeconds":5,"visibilityTimeoutFactor":2,"stripeRequestsPerSecond":1,
		"queues":[{"name":"idle","purpose":"test","retentionSeconds":60}],"tables":[{"name":"idle","partitionKey":{"name":"id","type":"S"},"pointInTimeRecovery":false}],
		"buses":[],"rules":[],"secrets":[],"alarms":[],
		"functions":[{"name":"web","side":"producers","timeoutSeconds":5,"memoryMegabytes":256,"environment":{},"routes":[{"route":"$default","auth":"none"}]}]}`)
	otherAuth, err := os.ReadFile(onlyWeb)
	if err != nil {
		t.Fatal(err)
	}
	otherAuth = bytes.Replace(otherAuth, []byte(`"auth":"none"`), []byte(`"auth":"JWT"`), 1)
	whole := file("whole.json", topologyJSON)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	web := []string{"--functions", functions, "--topology", onlyWeb, "--listen", "127.0.0.1:0"}
	with := func(more ...string) []string { return append(append([]string(nil), web...), more...) }
	for name, c := range map[string]struct {
		args  []string
		code  int
		shows []string
	}{
		"help":             {[]string{"--help"}, 0, []string{"--functions"}},
		"unknown flag":     {with("--nonsense"), 2, []string{"--nonsense"}},
		"no functions":     {nil, 2, []string{"--functions"}},
		"no bootstraps":    {[]string{"--functions", functions, "--topology", whole, "--listen", "127.0.0.1:0"}, 2, []string{"function reserve has no bootstrap", "function mirror has no bootstrap", "queueUrl:orders", "queueUrl:letters", "secret:reserve-journal"}},
		"bad processes":    {with("--processes", "web=0,absent=1"), 2, []string{"web=0", "absent=1"}},
		"bad values":       {with("--values", file("values.json", `{"a":1}`)), 2, []string{"values"}},
		"bad topology":     {[]string{"--functions", functions, "--topology", file("bad.json", `{"version":1,"unknown":1}`)}, 2, []string{`unknown field "unknown"`}},
		"auth of no kind":  {[]string{"--functions", functions, "--topology", file("auth.json", string(otherAuth))}, 2, []string{`auth must be one of ["jwt" "none"], is "JWT"`}},
		"bad files":        {with("--files", "site"), 2, []string{"--files"}},
		"absent files":     {with("--files", "/="+filepath.Join(directory, "absent")), 2, []string{"absent"}},
		"control for all":  {with("--control", "0.0.0.0:0"), 2, []string{"loopback"}},
		"bad poll wait":    {with("--poll-wait", "21"), 2, []string{"--poll-wait"}},
		"address in use":   {with("--listen", taken.Addr().String()), 1, []string{"address already in use"}},
		"ends with a stop": {web, 0, []string{"the gateway listens", "stopping"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var out bytes.Buffer
			code := run(ctx, c.args, os.Environ(), &out, &out)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, &out)
			}
			for _, want := range c.shows {
				if !strings.Contains(out.String(), want) {
					t.Errorf("does not print %q: %s", want, &out)
				}
			}
		})
	}
}
