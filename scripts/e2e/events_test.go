package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/scripts/internal/awsclient"
)

// subscription is a queue of the test's own that gets every event of orders.
type subscription struct {
	queues *sqs.Client
	url    string
	// seen are the events by order and version, with their detail type.
	seen map[string]string
}

// subscribe makes a rule of the stack's bus, a queue behind it, and takes both away at the end.
func subscribe(t *testing.T) *subscription {
	t.Helper()
	bus := os.Getenv("BOXOFFICE_BUS")
	if bus == "" {
		t.Fatal("BOXOFFICE_BUS is not set; make env prints it")
	}
	config, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ToLower(userNamed("events"))
	buses, s := eventbridge.NewFromConfig(config), &subscription{queues: sqs.NewFromConfig(config), seen: map[string]string{}}
	queue, err := s.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	s.url = *queue.QueueUrl
	attributes, err := s.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := buses.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: &name, EventBusName: &bus, EventPattern: aws.String(fmt.Sprintf(`{"source":[%q]}`, event.Source)),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := buses.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: &name, EventBusName: &bus, Targets: []types.Target{{Id: aws.String("queue"), Arn: aws.String(attributes.Attributes["QueueArn"])}},
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := buses.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &name, EventBusName: &bus, Ids: []string{"queue"}}); err != nil {
			t.Error(err)
		}
		if _, err := buses.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &name, EventBusName: &bus}); err != nil {
			t.Error(err)
		}
		if _, err := s.queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &s.url}); err != nil {
			t.Error(err)
		}
	})
	return s
}

// poll takes what is in the queue.
func (s *subscription) poll(t *testing.T) {
	t.Helper()
	got, err := s.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &s.url, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got.Messages {
		var e struct {
			DetailType string          `json:"detail-type"`
			Detail     json.RawMessage `json:"detail"`
		}
		if err := json.Unmarshal([]byte(*m.Body), &e); err != nil {
			t.Fatal(err)
		}
		o, err := event.Decode(e.Detail)
		if err != nil {
			t.Errorf("event %s: %v", e.Detail, err)
			continue
		}
		if want := event.DetailType(o.Status); e.DetailType != want {
			t.Errorf("%s carries status %s", e.DetailType, o.Status)
		}
		s.seen[fmt.Sprintf("%s.%d", o.OrderID, o.Version)] = e.DetailType
		if _, err := s.queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &s.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	}
}

// refusedOrder is the id of an order that was accepted and then refused by its consumer: one seat more than the arena
// allows a buyer. An order for a seat that is held would not do, since that one is most often refused at once.
func refusedOrder(t *testing.T, s *stack) string {
	t.Helper()
	concert, anna := arena(t, s), s.as(t, userNamed("anna"))
	wantStatus(t, s.decidedBest(t, anna, concert, "key-1", "", 6), contracts.AwaitingPayment)
	refused := s.decidedBest(t, anna, concert, "key-2", "", 1)
	wantStatus(t, refused, contracts.Rejected)
	return refused.OrderID
}

// Every version of a row comes out at a rule of the bus: of orders that are held, refused, given up and run out.
func TestEveryVersionIsPublished(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	if s.holdFor > maxHoldInTests {
		t.Skipf("holds last %s here; this test needs a stack with HOLD_SECONDS of at most %.0f", s.holdFor, maxHoldInTests.Seconds())
	}
	events := subscribe(t)
	anna := s.as(t, userNamed("anna"))
	given, left := s.place(t, anna, "key-1", s.seats(t, 1)...), s.place(t, anna, "key-2", s.seats(t, 1)...)
	wantStatus(t, s.decided(t, anna, given.OrderID), contracts.AwaitingPayment)
	s.cancel(t, anna, given.OrderID)
	want := map[string]string{
		given.OrderID + ".1": "OrderHeld", given.OrderID + ".2": "OrderAwaitingPayment", given.OrderID + ".3": "OrderCancelled",
		left.OrderID + ".1": "OrderHeld", left.OrderID + ".2": "OrderAwaitingPayment", left.OrderID + ".3": "OrderExpired",
		refusedOrder(t, s) + ".1": "OrderRejected",
	}
	eventually(t, s.holdFor+freeWithin+decideWithin, func() (bool, string) {
		events.poll(t)
		for version, detailType := range want {
			if events.seen[version] != detailType {
				return false, fmt.Sprintf("%s is %q, want %s", version, events.seen[version], detailType)
			}
		}
		return true, ""
	})
}
