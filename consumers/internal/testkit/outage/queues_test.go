package outage_test

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memqueue"
	"boxoffice/contracts/message"
	"boxoffice/contracts/topology"
)

// queues are the queues of the topology in memory, by name. Their delays, visibility timeouts and receive counts come from the
// topology, so that this test covers a change of them.
type queues map[string]*memqueue.Queue

func newQueues(t topology.Topology) queues {
	all := queues{}
	for _, q := range t.Queues {
		if q.DeadLetterQueue == "" {
			all[q.Name] = memqueue.New(memqueue.Options{Name: q.Name, Visibility: t.VisibilityTimeout(q.Name), Now: time.Now})
		}
	}
	for _, q := range t.Queues {
		if q.DeadLetterQueue != "" {
			all[q.Name] = memqueue.New(memqueue.Options{
				Name: q.Name, Visibility: t.VisibilityTimeout(q.Name), Delay: t.Delay(q), MaxReceives: q.MaxReceiveCount,
				DeadLetters: all[q.DeadLetterQueue], Now: time.Now,
			})
		}
	}
	return all
}

// urls returns the URLs of the queues, which are their names here.
func urls() map[message.Queue]string {
	return map[message.Queue]string{
		message.QueueOrders: "orders", message.QueueExpiries: "expiries",
		message.QueuePayments: "payments", message.QueueAuthorizations: "authorizations",
	}
}

// client is SQS's client. Only its sends may fail: a queue that cannot change a visibility returns no messages either.
type client struct {
	queues     queues
	sends      *dependency
	visibility func(queue string) time.Duration
}

var _ sqssend.Client = client{}

func encoded(group, deduplication, body *string, attributes map[string]types.MessageAttributeValue) message.Encoded {
	values := map[string]string{}
	for name, value := range attributes {
		values[name] = aws.ToString(value.StringValue)
	}
	return message.Encoded{
		Route: message.Route{Group: aws.ToString(group), DeduplicationID: aws.ToString(deduplication)},
		Body:  aws.ToString(body), Attributes: message.AttributesOf(values),
	}
}

func (c client) SendMessage(ctx context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return &sqs.SendMessageOutput{}, c.sends.call(ctx, func() error {
		_, err := c.queues[*in.QueueUrl].Send(ctx, encoded(in.MessageGroupId, in.MessageDeduplicationId, in.MessageBody, in.MessageAttributes))
		return err
	})
}

func (c client) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	out := &sqs.SendMessageBatchOutput{}
	return out, c.sends.call(ctx, func() error {
		var problems []error
		for _, e := range in.Entries {
			_, err := c.queues[*in.QueueUrl].Send(ctx, encoded(e.MessageGroupId, e.MessageDeduplicationId, e.MessageBody, e.MessageAttributes))
			problems = append(problems, err)
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
		return errors.Join(problems...)
	})
}

func (c client) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		receipt := sqsbatch.Receipt{Handle: *e.ReceiptHandle}
		if err := c.queues[*in.QueueUrl].ReturnAfter(ctx, []sqsbatch.Receipt{receipt}, time.Duration(e.VisibilityTimeout)*time.Second); err != nil {
			return nil, err
		}
		out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

func (c client) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	seconds := strconv.Itoa(int(c.visibility(*in.QueueUrl).Seconds()))
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{string(types.QueueAttributeNameVisibilityTimeout): seconds}}, nil
}

// minHandover is the shortest time that a batch takes to its process; the longest is twice that. Without it a message could be
// redelivered in no time, and all messages of one second would come at one instant.
const minHandover = 100 * time.Millisecond

// poll is an event source mapping with the processes of idle. It polls once a second while the queue is empty, and gives each batch
// to the process that has been idle for the longest time.
func (w *world) poll(ctx context.Context, queue string, timeout time.Duration, idle chan *process) {
	for {
		var p *process
		select {
		case p = <-idle:
		case <-ctx.Done():
			return
		}
		messages, err := w.queues[queue].Receive(ctx, 10)
		if err != nil {
			return
		}
		if len(messages) == 0 {
			idle <- p
			if sleep(ctx, time.Second) != nil {
				return
			}
			continue
		}
		w.received(messages)
		w.running.Go(func() {
			defer func() { idle <- p }()
			time.Sleep(minHandover + time.Duration(p.random.Int64N(int64(minHandover))))
			began := time.Now()
			invocation, end := context.WithTimeout(context.Background(), timeout)
			defer end()
			if _, err := memqueue.Deliver(invocation, received{w.queues[queue], messages}, 10, p.handle); err != nil {
				w.t.Errorf("%s: %v", queue, err)
			}
			if took := time.Since(began); took > timeout {
				w.t.Errorf("%s: an invocation took %s of %s", queue, took, timeout)
			}
		})
	}
}

// received is a queue whose next messages have been received.
type received struct {
	queue    *memqueue.Queue
	messages []memqueue.Message
}

func (q received) Receive(context.Context, int) ([]memqueue.Message, error) { return q.messages, nil }

func (q received) Delete(_ context.Context, receipt string) error {
	return q.queue.Delete(context.Background(), receipt)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
