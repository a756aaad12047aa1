package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/catalogue"
	"boxoffice/scripts/devstack/internal/redisserver"
	"boxoffice/scripts/devstack/internal/stack"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/faultproxy"
	"boxoffice/scripts/internal/localtokens"
)

// meteredStack is a whole stack whose functions are invoked by the test only, one batch at a time, and reach the
// servers through a meter. The test itself reaches them past it.
type meteredStack struct {
	*ascent
	meter   *meter
	key     localtokens.Key
	queues  *sqs.Client
	tables  *dynamodb.Client
	streams *dynamodbstreams.Client
	// records is what the stream answers, as it stands on the wire: Lambda hands functions the same JSON.
	records *lastBody
	// read is the number of records of the stream that have been read.
	read int
}

const costStack = "cost-test"

func startMetered(t *testing.T, entries []catalogue.Entry) *meteredStack {
	t.Helper()
	needsTools(t)
	a, err := newApp(io.Discard, testWriter{t})
	if err != nil {
		t.Fatal(err)
	}
	f := testFolder(t, a, costStack)
	unlock, err := a.lock(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(a.down(context.Background(), f), unlock()); err != nil {
			t.Error(err)
		}
	})
	if err := a.down(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	s := &meteredStack{ascent: &ascent{app: a, folder: f}, meter: newMeter(), records: &lastBody{}}
	if err := s.start(t, entries); err != nil {
		t.Fatal(err)
	}
	return s
}

// start is up, with the meter between the functions and the servers.
func (s *meteredStack) start(t *testing.T, entries []catalogue.Entry) error {
	ctx := t.Context()
	if err := s.prepare(stackFlags{HoldSeconds: number(1)}); err != nil {
		return err
	}
	var err error
	if s.tools, err = s.installTools(ctx, os.Getenv("BOXOFFICE_MINISTACK")); err != nil {
		return err
	}
	emulator, err := s.app.start(ctx, s.folder, s.ministack())
	if err != nil {
		return err
	}
	redis, err := s.redis(emulator)
	if err != nil {
		return err
	}
	cache, err := s.app.start(ctx, s.folder, redis)
	if err != nil {
		return err
	}
	if s.binaries, err = s.build(ctx, s.topology.Functions); err != nil {
		return err
	}
	if err := errors.Join(emulator.await(ctx), cache.await(ctx)); err != nil {
		return err
	}
	if err := s.resources(ctx); err != nil {
		return err
	}
	double, err := s.app.start(ctx, s.folder, s.stripe(emulator))
	if err != nil {
		return err
	}
	if err := double.await(ctx); err != nil {
		return err
	}
	if err := s.connect(t, entries); err != nil {
		return err
	}
	if err := s.interpose(t); err != nil {
		return err
	}
	host, err := s.lambdahost(emulator)
	if err != nil {
		return err
	}
	// One process a function: its memory of the catalogue and its connections are warm after the first invocation.
	for i, argument := range host.spec.Args {
		if argument == "--listen" {
			host.spec.Args = append([]string{"--default-processes", "1"}, append(host.spec.Args[i:], host.spec.Args[:i]...)...)
			break
		}
	}
	running, err := s.app.start(ctx, s.folder, host)
	if err != nil {
		return err
	}
	return running.await(ctx)
}

// connect makes the test's own clients and loads the concerts.
func (s *meteredStack) connect(t *testing.T, entries []catalogue.Entry) error {
	cfg, err := awsConfig(t.Context(), s.settings)
	if err != nil {
		return err
	}
	s.queues, s.tables = sqs.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg)
	s.streams = dynamodbstreams.NewFromConfig(cfg, func(o *dynamodbstreams.Options) {
		s.records.client, o.HTTPClient = o.HTTPClient, s.records
	})
	pem, err := os.ReadFile(s.folder.SigningKey())
	if err != nil {
		return err
	}
	if s.key, err = localtokens.ParseKey(pem); err != nil {
		return err
	}
	_, err = catalogue.Load(t.Context(), catalogue.Target{
		DynamoDB: s.tables, SQS: s.queues, ConcertsTable: s.values["tableName:concerts"],
		LayoutsTable: s.values["tableName:layouts"], OrdersQueueURL: s.values["queueUrl:orders"],
	}, entries, catalogue.Options{Now: s.now, CommandID: costStack})
	return err
}

// interpose puts the meter where the functions will look for the servers, and takes their sources away: a route that
// nobody asks for stands in, since a function without any source is a mistake.
func (s *meteredStack) interpose(t *testing.T) error {
	through := s.meter.aws(t, s.settings.AWSURL())
	port, err := strconv.Atoi(through.Port())
	if err != nil {
		return err
	}
	s.settings.Ports.AWS = port
	address := s.meter.redis(t, stack.Address(s.settings.Ports.Redis))
	// The server tells cluster clients where its slots are: at the meter.
	admin := redisserver.Client(s.settings.Ports, s.secrets.Redis[stack.RedisAdmin])
	defer func() { _ = admin.Close() }()
	_, announced, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if err := admin.ConfigSet(t.Context(), "cluster-announce-port", announced).Err(); err != nil {
		return err
	}
	s.values["redisAddress"] = address
	payments, err := faultproxy.NewCalls(stack.Address(s.settings.Ports.Stripe))
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = payments.Close() })
	payments.Hook(func(c faultproxy.Call, _ func()) bool { s.meter.count(onStripe, c.Operation); return true })
	s.values["stripeApiBase"] = "http://" + payments.Address()
	for i, f := range s.topology.Functions {
		if f.Routes == nil {
			s.topology.Functions[i].Routes = []topology.Route{{Route: "POST /unused/" + f.Name, Auth: "none"}}
		}
		s.topology.Functions[i].Queue, s.topology.Functions[i].Stream, s.topology.Functions[i].Schedule = nil, nil, nil
	}
	// There are none of streams that nobody reads, and none is created here.
	s.topology.Alarms = []topology.Alarm{}
	return errors.Join(stack.WriteJSON(s.folder.Topology(), s.topology), stack.WriteJSON(s.folder.Values(), s.values))
}

// as is a client signed in as the user.
func (s *meteredStack) as(t *testing.T, user string) *apiclient.Client {
	t.Helper()
	token, err := s.key.Sign(localtokens.ClaimsOf(s.settings.Issuer(), user, s.now(), localtokens.TTL))
	if err != nil {
		t.Fatal(err)
	}
	return &apiclient.Client{Base: s.settings.Issuer(), Token: token, HTTP: http.DefaultClient}
}

// testWriter shows progress in the test's log.
type testWriter struct{ t *testing.T }

// Write implements io.Writer.
func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
