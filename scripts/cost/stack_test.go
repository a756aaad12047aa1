package cost

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/catalogue"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/faultproxy"
	"boxoffice/scripts/internal/filelock"
	"boxoffice/scripts/internal/freeport"
	"boxoffice/scripts/internal/moduleroot"
	"boxoffice/scripts/internal/stacktest"
	"boxoffice/scripts/internal/testbed"
)

// meteredStack is a whole stack. Only the test invokes its functions, one batch at a time, and they reach the servers through a
// meter. The test itself reaches the servers directly.
type meteredStack struct {
	*testbed.Bed
	meter   *meter
	streams *dynamodbstreams.Client
	// records is the last answer of the stream, as it is on the wire: Lambda gives functions the same JSON.
	records *lastBody
	// read is the number of records of the stream that have been read.
	read int
}

const stackName = "cost-test"

func startMetered(t *testing.T, entries []catalogue.Entry) *meteredStack {
	t.Helper()
	stacktest.NeedTools(t)
	root, err := moduleroot.Find()
	if err != nil {
		t.Fatal(err)
	}
	// Two runs of the tests at once would take each other's stack down.
	unlock, err := filelock.Lock(filepath.Join(root, ".local", "stacks", stackName+".test.lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unlock() })
	devstack := buildDevstack(t, root)
	s := &meteredStack{meter: newMeter(), records: &lastBody{}}
	arguments := []string{"up", "--no-seed", "--hold-seconds", "1", "--topology", topologyWithoutSources(t)}
	run(t, devstack, "down") // what an earlier test left when it was killed
	t.Cleanup(func() { run(t, devstack, "down") })
	run(t, devstack, append(arguments, s.interpose(t)...)...)
	variables := map[string]string{}
	if err := json.Unmarshal(run(t, devstack, "env", "--json"), &variables); err != nil {
		t.Fatal(err)
	}
	s.connect(t, variables)
	if _, err := catalogue.Load(t.Context(), catalogue.Target{
		DynamoDB: s.Dynamo, SQS: s.Queues, ConcertsTable: s.Table("concerts"), LayoutsTable: s.Table("layouts"), OrdersQueueURL: s.Queue("orders"),
	}, entries, catalogue.Options{Now: time.Now, CommandID: stackName}); err != nil {
		t.Fatal(err)
	}
	return s
}

// buildDevstack builds the program and returns its path.
func buildDevstack(t *testing.T, root string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "devstack")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./scripts/devstack")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build devstack: %v\n%s", err, out)
	}
	return path
}

// run runs a command of devstack on the test's stack and returns what it printed.
func run(t *testing.T, devstack string, arguments ...string) []byte {
	t.Helper()
	// The test's context has ended when the stack is taken down.
	command := exec.CommandContext(context.WithoutCancel(t.Context()), devstack, append(arguments, "--stack", stackName)...)
	var out, progress bytes.Buffer
	command.Stdout, command.Stderr = &out, &progress
	err := command.Run()
	t.Logf("devstack %s\n%s", strings.Join(arguments, " "), progress.Bytes())
	if err != nil {
		t.Fatalf("devstack %s: %v", arguments[0], err)
	}
	return out.Bytes()
}

// topologyWithoutSources writes a topology in which nothing but the test invokes a function, and returns the file's path. A
// function without any source is a mistake, so a route that is never called stands in for its queue, stream or schedule. Each
// function has one process, so that its memory of the catalogue and its connections are warm after the first invocation.
func topologyWithoutSources(t *testing.T) string {
	t.Helper()
	specified, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	for i := range specified.Functions {
		f := &specified.Functions[i]
		if f.Routes == nil {
			f.Routes = []topology.Route{{Route: "POST /unused/" + f.Name, Auth: "none"}}
		}
		f.Queue, f.Stream, f.Schedule, f.Asynchronous = nil, nil, nil, nil
		f.ReservedConcurrency = 1
	}
	// Some alarms are about sources that are gone, and the stack creates none.
	specified.Alarms = []topology.Alarm{}
	content, err := json.Marshal(specified)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "topology.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// interpose puts the meter before each server and returns devstack's arguments that have the functions go through it.
func (s *meteredStack) interpose(t *testing.T) (arguments []string) {
	t.Helper()
	addressOf := func(server string) string {
		port, err := freeport.Find()
		if err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, fmt.Sprintf("--%s-port", server), fmt.Sprint(port))
		return fmt.Sprintf("127.0.0.1:%d", port)
	}
	aws := s.meter.aws(t, "http://"+addressOf("aws"))
	for _, service := range []string{"sqs", "dynamodb", "streams", "events"} {
		arguments = append(arguments, "--via", service+"="+aws.Host)
	}
	arguments = append(arguments, "--via", "redis="+s.meter.redis(t, addressOf("redis")))
	payments, err := faultproxy.NewCalls(addressOf("stripe"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = payments.Close() })
	payments.Hook(func(c faultproxy.Call, _ func()) bool { s.meter.count(onStripe, c.Operation); return true })
	return append(arguments, "--via", "stripe="+payments.Address())
}

// connect makes the test's own clients.
func (s *meteredStack) connect(t *testing.T, variables map[string]string) {
	t.Helper()
	var err error
	if s.Bed, err = testbed.Open(t.Context(), variables); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	cfg, err := awsclient.LoadAt(t.Context(), variables["AWS_ENDPOINT_URL"], variables["AWS_REGION"], variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
	if err != nil {
		t.Fatal(err)
	}
	s.streams = dynamodbstreams.NewFromConfig(cfg, func(o *dynamodbstreams.Options) {
		s.records.client, o.HTTPClient = o.HTTPClient, s.records
	})
}

// as returns a client that is signed in as the user.
func (s *meteredStack) as(t *testing.T, user string) *apiclient.Client {
	t.Helper()
	buyer, err := s.Buyer(user)
	if err != nil {
		t.Fatal(err)
	}
	return buyer
}
