package resources

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts/topology"
	"boxoffice/scripts/internal/ministacktest"
)

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

func specification(t *testing.T) topology.Topology {
	t.Helper()
	spec, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestEnsureCreatesTheTopologyOnce(t *testing.T) {
	cfg, spec := emulator.Tenant(t), specification(t)
	first, err := Ensure(t.Context(), cfg, spec)
	if err != nil {
		t.Fatal(err)
	}
	// The bus default is there in every account.
	if want := len(spec.Queues) + len(spec.Tables) + len(spec.Buses) - 1 + len(spec.Rules); len(first.Created) != want {
		t.Errorf("created %q, want %d things", first.Created, want)
	}
	second, err := Ensure(t.Context(), cfg, spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(second.Created) != 0 {
		t.Errorf("a second run created %q", second.Created)
	}
	for reference, value := range first.Values {
		if value == "" || second.Values[reference] != value {
			t.Errorf("%s is %q, then %q", reference, value, second.Values[reference])
		}
	}
	for _, f := range spec.Functions {
		for variable, reference := range f.Environment {
			kind, _, _ := strings.Cut(reference, ":")
			if slices.Contains([]string{"queueUrl", "tableName", "busName"}, kind) && first.Values[reference] == "" {
				t.Errorf("function %s: no value for %s (%s)", f.Name, variable, reference)
			}
		}
	}
}

func TestEveryDifferenceIsInTheError(t *testing.T) {
	cfg, spec := emulator.Tenant(t), specification(t)
	if _, err := Ensure(t.Context(), cfg, spec); err != nil {
		t.Fatal(err)
	}
	changed := specification(t)
	changed.HoldSeconds++
	changed.Queues[0].RetentionSeconds += 60
	changed.Queues[0].MaxReceiveCount--
	changed.Tables[0].Indexes[0].Projection = "ALL"
	changed.Tables[0].Stream = ""
	changed.Tables[1].SortKey = nil
	concerts := slices.IndexFunc(changed.Tables, func(t topology.Table) bool { return t.Name == "concerts" })
	changed.Tables[concerts].PointInTimeRecovery = false
	_, err := Ensure(t.Context(), cfg, changed)
	if err == nil {
		t.Fatal("drift was not found")
	}
	for _, want := range []string{
		"queue expiries.fifo: DelaySeconds is 311, the specification says 312",
		"queue orders.fifo: MessageRetentionPeriod is 345600, the specification says 345660",
		"queue orders.fifo: RedrivePolicy is ",
		"table orders: indexes is buyer userId:S, acceptedAt:N KEYS_ONLY; open openGroup:S, dueAt:N INCLUDE status, the specification says buyer userId:S, acceptedAt:N KEYS_ONLY; open openGroup:S, dueAt:N ALL",
		"table orders: stream is NEW_AND_OLD_IMAGES, the specification says none",
		"table tickets: key is seatGroup:S, seat:S, the specification says seatGroup:S",
		"table concerts: point-in-time recovery is true, the specification says false",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	var drift DriftError
	if !errors.As(err, &drift) {
		t.Errorf("error is %T", err)
	}
}

func TestQueuesAreFIFOByMessageGroup(t *testing.T) {
	cfg, spec := emulator.Tenant(t), specification(t)
	result, err := Ensure(t.Context(), cfg, spec)
	if err != nil {
		t.Fatal(err)
	}
	url := result.Values["queueUrl:orders"]
	client := sqs.NewFromConfig(cfg)
	// Messages with the same deduplication id are two in two groups and one in one group.
	for _, group := range []string{"a", "b", "a"} {
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("{}"), MessageGroupId: &group, MessageDeduplicationId: aws.String("x")}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) != 2 {
		t.Errorf("%d messages, want 2", len(out.Messages))
	}
}

// Lambda sends letters about a stream only to a standard queue, without message group and deduplication id.
func TestAStandardQueueIsNoFIFOQueue(t *testing.T) {
	cfg, spec := emulator.Tenant(t), specification(t)
	result, err := Ensure(t.Context(), cfg, spec)
	if err != nil {
		t.Fatal(err)
	}
	url := result.Values["queueUrl:stream-failures"]
	if url == "" || strings.HasSuffix(url, ".fifo") {
		t.Fatalf("the queue is at %q", url)
	}
	client := sqs.NewFromConfig(cfg)
	for range 2 {
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Attributes; got["FifoQueue"] == "true" || got["MessageRetentionPeriod"] != "1209600" || got["ApproximateNumberOfMessages"] != "2" {
		t.Errorf("attributes %v", got)
	}
}

func TestTablesHaveTheirStream(t *testing.T) {
	cfg := emulator.Tenant(t)
	if _, err := Ensure(t.Context(), cfg, specification(t)); err != nil {
		t.Fatal(err)
	}
	out, err := dynamodb.NewFromConfig(cfg).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.Table.LatestStreamArn) == "" {
		t.Error("table orders has no stream")
	}
}

func TestRuleSendsEventsToItsQueue(t *testing.T) {
	cfg, spec := emulator.Tenant(t), specification(t)
	spec.Queues = append(spec.Queues, topology.Queue{Name: "notices", Purpose: "test", RetentionSeconds: 3600})
	spec.Rules = []topology.Rule{{Name: "confirmed", Bus: spec.Buses[0].Name, Source: "boxoffice", DetailTypes: []string{"OrderConfirmed"}, Queue: "notices",
		Detail: map[string]any{"n": []any{map[string]any{"exists": true}}}, Message: topology.RuleMessage{Paths: map[string]string{"n": "$.detail.n"}, Template: `{"number":<n>}`}}}
	for range 2 {
		if _, err := Ensure(t.Context(), cfg, spec); err != nil {
			t.Fatal(err)
		}
	}
	out, err := eventbridge.NewFromConfig(cfg).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: &spec.Buses[0].Name, Source: aws.String("boxoffice"), DetailType: aws.String("OrderRejected"), Detail: aws.String(`{"n":1}`)},
		{EventBusName: &spec.Buses[0].Name, Source: aws.String("another"), DetailType: aws.String("OrderConfirmed"), Detail: aws.String(`{"n":3}`)},
		{EventBusName: &spec.Buses[0].Name, Source: aws.String("boxoffice"), DetailType: aws.String("OrderConfirmed"), Detail: aws.String(`{"m":4}`)},
		{EventBusName: &spec.Buses[0].Name, Source: aws.String("boxoffice"), DetailType: aws.String("OrderConfirmed"), Detail: aws.String(`{"n":2,"name":"Anna"}`)},
	}})
	if err != nil || out.FailedEntryCount != 0 {
		t.Fatalf("put events: %v, %d failed", err, out.FailedEntryCount)
	}
	result, err := Ensure(t.Context(), cfg, spec)
	if err != nil {
		t.Fatal(err)
	}
	url := result.Values["queueUrl:notices"]
	client := sqs.NewFromConfig(cfg)
	for deadline := time.Now().Add(10 * time.Second); ; {
		received, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(received.Messages) > 0 {
			if len(received.Messages) != 1 || aws.ToString(received.Messages[0].Body) != `{"number":2}` {
				t.Errorf("received %d messages, the first %s", len(received.Messages), aws.ToString(received.Messages[0].Body))
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the event did not arrive in 10 s")
		}
		<-time.After(50 * time.Millisecond)
	}
}
