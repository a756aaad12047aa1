package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts/event"
	"boxoffice/scripts/internal/invariants"
)

// Subscription is a queue that gets every event of orders by a rule of the stack's bus. It is safe for concurrent use.
type Subscription struct {
	bed             *Bed
	bus, name, url  string
	mu              sync.Mutex
	seen            map[string]seen
	seenMoreThanOne int
}

// seen is an event that was received.
type seen struct {
	detailType string
	invariants.Published
}

// Subscribe creates the rule and the queue. Close deletes them.
func (b *Bed) Subscribe(ctx context.Context) (*Subscription, error) {
	s := &Subscription{bed: b, bus: b.Bus("boxoffice"), name: strings.ToLower(Named("events")), seen: map[string]seen{}}
	queue, err := b.Queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &s.name})
	if err != nil {
		return nil, err
	}
	s.url = aws.ToString(queue.QueueUrl)
	attributes, err := b.Queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &s.url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return nil, err
	}
	if _, err := b.Buses.PutRule(ctx, &eventbridge.PutRuleInput{
		Name: &s.name, EventBusName: &s.bus, EventPattern: aws.String(fmt.Sprintf(`{"source":[%q]}`, event.Source)),
	}); err != nil {
		return nil, err
	}
	_, err = b.Buses.PutTargets(ctx, &eventbridge.PutTargetsInput{
		Rule: &s.name, EventBusName: &s.bus, Targets: []types.Target{{Id: aws.String("queue"), Arn: aws.String(attributes.Attributes["QueueArn"])}},
	})
	return s, err
}

// Test is what SubscribeFor needs of a *testing.T.
type Test interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Error(...any)
	Fatal(...any)
}

// SubscribeFor is Subscribe with a Close at the end of the test.
func (b *Bed) SubscribeFor(t Test) *Subscription {
	t.Helper()
	s, err := b.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context has ended.
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Close deletes rule and queue.
func (s *Subscription) Close(ctx context.Context) error {
	_, err1 := s.bed.Buses.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &s.name, EventBusName: &s.bus, Ids: []string{"queue"}})
	_, err2 := s.bed.Buses.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &s.name, EventBusName: &s.bus})
	_, err3 := s.bed.Queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &s.url})
	return errors.Join(err1, err2, err3)
}

// Poll receives the events in the queue. An event that contracts/event does not allow is an error.
func (s *Subscription) Poll(ctx context.Context) error {
	for {
		got, err := s.bed.Queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &s.url, MaxNumberOfMessages: 10})
		if err != nil || len(got.Messages) == 0 {
			return err
		}
		for _, m := range got.Messages {
			if err := s.take(aws.ToString(m.Body)); err != nil {
				return err
			}
			if _, err := s.bed.Queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &s.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
}

func (s *Subscription) take(body string) error {
	var e struct {
		DetailType string          `json:"detail-type"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return err
	}
	o, err := event.Decode(e.Detail)
	if err != nil {
		return fmt.Errorf("event %s: %w", e.Detail, err)
	}
	if e.DetailType != event.DetailType(o.Status) {
		return fmt.Errorf("event %s of %s carries status %s", e.DetailType, o.OrderID, o.Status)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version := invariants.Version(o.OrderID, o.Version)
	if _, again := s.seen[version]; again {
		s.seenMoreThanOne++
	}
	s.seen[version] = seen{e.DetailType, invariants.Published{Seats: o.Seats, Amount: o.Amount}}
	return nil
}

// Seen returns the detail type of the event of a version, "" if there is none yet.
func (s *Subscription) Seen(version string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[version].detailType
}

// Published returns the versions whose events were received, in the form of a snapshot, and how many events were received again.
func (s *Subscription) Published() (versions map[string]invariants.Published, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions = make(map[string]invariants.Published, len(s.seen))
	for version, e := range s.seen {
		versions[version] = e.Published
	}
	return versions, s.seenMoreThanOne
}
