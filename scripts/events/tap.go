package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts/event"
)

// tap is a rule that sends every event of orders to a queue of its own.
type tap struct {
	buses     *eventbridge.Client
	queues    *sqs.Client
	bus, name string
	url       string
}

const targetID = "queue"

// retentionSeconds bounds how long the queue keeps events if nobody reads it: the least that SQS allows.
const retentionSeconds = "60"

// open creates the queue and the rule.
func (t *tap) open(ctx context.Context) error {
	queue, err := t.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &t.name, Attributes: map[string]string{"MessageRetentionPeriod": retentionSeconds}})
	if err != nil {
		return fmt.Errorf("create the queue: %w", err)
	}
	t.url = aws.ToString(queue.QueueUrl)
	attributes, err := t.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &t.url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return fmt.Errorf("read the queue: %w", err)
	}
	if _, err := t.buses.PutRule(ctx, &eventbridge.PutRuleInput{
		Name: &t.name, EventBusName: &t.bus, EventPattern: aws.String(fmt.Sprintf(`{"source":[%q]}`, event.Source)),
	}); err != nil {
		return fmt.Errorf("create the rule: %w", err)
	}
	arn := attributes.Attributes[string(sqstypes.QueueAttributeNameQueueArn)]
	out, err := t.buses.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &t.name, EventBusName: &t.bus, Targets: []types.Target{{Id: aws.String(targetID), Arn: &arn}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = errors.New("the bus refuses the target")
	}
	if err != nil {
		return fmt.Errorf("set the rule's target: %w", err)
	}
	return nil
}

// close deletes what open created, as far as it came.
func (t *tap) close(ctx context.Context) error {
	var problems []error
	tolerate := func(what string, err error) {
		var absent *types.ResourceNotFoundException
		if err != nil && !errors.As(err, &absent) {
			problems = append(problems, fmt.Errorf("%s: %w", what, err))
		}
	}
	_, err := t.buses.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &t.name, EventBusName: &t.bus, Ids: []string{targetID}})
	tolerate("remove the rule's target", err)
	_, err = t.buses.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &t.name, EventBusName: &t.bus})
	tolerate("delete the rule", err)
	if t.url != "" {
		_, err = t.queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &t.url})
		tolerate("delete the queue", err)
	}
	return errors.Join(problems...)
}

// pause is the time between two reads of an empty queue. A long poll that is cut off would lose events in some emulators.
const pause = 200 * time.Millisecond

// read calls f with the body of each event until ctx ends or a call fails.
func (t *tap) read(ctx context.Context, f func(body string) error) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		got, err := t.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &t.url, MaxNumberOfMessages: 10})
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		for _, m := range got.Messages {
			if err := f(aws.ToString(m.Body)); err != nil {
				return err
			}
			if _, err := t.queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &t.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return fmt.Errorf("delete: %w", err)
			}
		}
		if len(got.Messages) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
