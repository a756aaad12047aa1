// Package queuesource is the event source mapping of a queue, FIFO or standard: it receives messages, invokes a function with
// them, and deletes those that the function handled (ReportBatchItemFailures).
//
// One receive is one batch. It may hold several message groups, as on AWS. Further batches are received while earlier ones are
// still running, up to the mapping's concurrency, and each only after a process is reserved for it, so that received messages are
// handled at once. SQS delivers no message of a group while another one of that group is in flight, so a group is never in two
// batches, and its order holds.
//
// Like AWS's poller it only receives and deletes. It never extends a visibility timeout, and leaves that of failed messages to
// the handler.
package queuesource

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts/telemetry"
)

// Client is what a mapping needs of SQS.
type Client interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Target is the function. It is safe for concurrent use.
type Target interface {
	// Reserve waits until a process is free, and keeps it free for one call. It fails when ctx ends.
	Reserve(ctx context.Context) (Place, error)
}

// Place is a reserved process. The caller calls exactly one of its methods, once.
type Place interface {
	// Invoke calls the function. If the reserved process has ended, it waits for another one, at most for wait. If no process
	// becomes free in time, it fails and the function was not invoked.
	Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error)
	// GiveBack releases the process for other calls.
	GiveBack()
}

// Options of a Source.
type Options struct {
	// Queue and Function are names for logs and status.
	Queue, Function string
	QueueURL        string
	// BatchSize is 1–10.
	BatchSize int
	// Standard is true for a standard queue, false for a FIFO queue.
	Standard bool
	// Concurrency is the maximum of parallel batches: the number of processes, or MaximumConcurrency if lower.
	Concurrency int
	// FunctionTimeout bounds an invocation. The queue's visibility timeout must not be shorter.
	FunctionTimeout time.Duration
	// Wait is the long poll in seconds, 0–20. Pause follows a receive that returned nothing; the end of a full batch cuts it
	// short.
	Wait  int
	Pause time.Duration
	// Random is the source of receive attempt ids.
	Random io.Reader
	Logger *slog.Logger
	Now    func() time.Time
}

// Source is a mapping. Run may be called once.
type Source struct {
	options    Options
	client     Client
	target     Target
	arn        string
	visibility time.Duration
	counts     counts
}

type counts struct {
	polls, pollFailures, batches, batchFailures, messages, messageFailures, deleteFailures, inFlight atomic.Int64
}

// Status counts since the start. BatchFailures are batches that failed as a whole; MessageFailures are messages that stayed in
// the queue, including those of failed batches.
type Status struct {
	Kind            string `json:"kind"`
	Name            string `json:"name"`
	Function        string `json:"function"`
	Polls           int64  `json:"polls"`
	PollFailures    int64  `json:"pollFailures"`
	Batches         int64  `json:"batches"`
	BatchFailures   int64  `json:"batchFailures"`
	Messages        int64  `json:"messages"`
	MessageFailures int64  `json:"messageFailures"`
	DeleteFailures  int64  `json:"deleteFailures"`
	InFlight        int64  `json:"inFlight"`
}

// New reads the queue's attributes and, as AWS does, refuses a queue whose visibility timeout is shorter than the
// function's timeout.
func New(ctx context.Context, client Client, target Target, options Options) (*Source, error) {
	if options.Concurrency < 1 || options.BatchSize < 1 || options.BatchSize > 10 {
		return nil, fmt.Errorf("queue %s: concurrency %d, batch size %d", options.Queue, options.Concurrency, options.BatchSize)
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &options.QueueURL, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn, types.QueueAttributeNameVisibilityTimeout},
	})
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", options.Queue, err)
	}
	seconds, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameVisibilityTimeout)])
	if err != nil {
		return nil, fmt.Errorf("queue %s: visibility timeout: %w", options.Queue, err)
	}
	visibility := time.Duration(seconds) * time.Second
	if visibility < options.FunctionTimeout {
		return nil, fmt.Errorf("queue %s: its visibility timeout of %s is shorter than the %s of function %s: messages would be redelivered while they are handled",
			options.Queue, visibility, options.FunctionTimeout, options.Function)
	}
	return &Source{options: options, client: client, target: target, arn: out.Attributes[string(types.QueueAttributeNameQueueArn)], visibility: visibility}, nil
}

// Status is safe to call at any time.
func (s *Source) Status() Status {
	c := &s.counts
	return Status{
		Kind: "queue", Name: s.options.Queue, Function: s.options.Function, Polls: c.polls.Load(), PollFailures: c.pollFailures.Load(),
		Batches: c.batches.Load(), BatchFailures: c.batchFailures.Load(), Messages: c.messages.Load(),
		MessageFailures: c.messageFailures.Load(), DeleteFailures: c.deleteFailures.Load(), InFlight: c.inFlight.Load(),
	}
}

const (
	// receiveGrace is how much longer than its long poll a receive may take.
	receiveGrace = 10 * time.Second
	// failurePause is the pause after a failed receive.
	failurePause = time.Second
)

// Run polls until ctx ends, and returns when all batches are done. It does not cut off a receive that is under way at the end,
// and handles its messages: an emulator would deliver them to the dead connection, and their groups would be blocked for the
// visibility timeout.
func (s *Source) Run(ctx context.Context) {
	slots := make(chan struct{}, s.options.Concurrency)
	// freed signals that a full batch has ended, so that its groups probably have more messages. A long poll, which the pause
	// replaces, would return them at once. After a smaller batch the pause lets messages gather.
	freed := make(chan struct{}, 1)
	var batches sync.WaitGroup
	defer batches.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		// Reserve first: messages that wait for a busy or restarting process would use up their visibility timeout.
		place, err := s.target.Reserve(ctx)
		if err != nil {
			return
		}
		select {
		case <-freed: // this receive already sees the groups freed before it
		default:
		}
		received, messages, err := s.receive(ctx)
		if len(messages) > 0 {
			batches.Go(func() {
				s.handle(ctx, place, messages, received)
				<-slots
				if len(messages) < s.options.BatchSize {
					return
				}
				select {
				case freed <- struct{}{}:
				default:
				}
			})
			continue
		}
		place.GiveBack()
		<-slots
		pause, wake := s.options.Pause, freed
		if err != nil {
			pause, wake = max(pause, failurePause), nil
			s.counts.pollFailures.Add(1)
			s.options.Logger.Warn("a queue could not be polled", telemetry.KeyFunction, s.options.Function, telemetry.KeyDependency, s.options.Queue, telemetry.KeyError, err.Error())
		}
		if !sleep(ctx, pause, wake) {
			return
		}
	}
}

// sleep waits for pause or until wake is signalled. It returns false when ctx ends.
func sleep(ctx context.Context, pause time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-wake:
	}
	return true
}

// receive also returns a time before the start of every message's visibility timeout.
func (s *Source) receive(ctx context.Context) (time.Time, []types.Message, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(s.options.Wait)*time.Second+receiveGrace)
	defer cancel()
	s.counts.polls.Add(1)
	started := s.options.Now()
	input := &sqs.ReceiveMessageInput{
		QueueUrl: &s.options.QueueURL, MaxNumberOfMessages: int32(s.options.BatchSize), WaitTimeSeconds: int32(s.options.Wait), //nolint:gosec // both are small
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	}
	if !s.options.Standard {
		// With the same id, a retry by the SDK after a lost response gets the same messages. Standard queues do not support it.
		input.ReceiveRequestAttemptId = aws.String(attemptID(s.options.Random))
	}
	out, err := s.client.ReceiveMessage(ctx, input)
	if err != nil {
		return started, nil, fmt.Errorf("receive: %w", err)
	}
	return started, out.Messages, nil
}

// handle invokes the function with one batch and deletes the handled messages.
func (s *Source) handle(ctx context.Context, place Place, messages []types.Message, received time.Time) {
	s.counts.batches.Add(1)
	s.counts.messages.Add(int64(len(messages)))
	s.counts.inFlight.Add(1)
	defer s.counts.inFlight.Add(-1)
	log := s.options.Logger.With(telemetry.KeyFunction, s.options.Function, telemetry.KeyDependency, s.options.Queue)
	failed, err := s.invoke(ctx, place, messages, received)
	if err != nil {
		s.counts.batchFailures.Add(1)
		s.counts.messageFailures.Add(int64(len(messages)))
		log.Warn("a batch failed; it is redelivered after its visibility timeout", telemetry.KeyError, err.Error())
		return
	}
	s.counts.messageFailures.Add(int64(len(failed)))
	var done []types.Message
	for _, m := range messages {
		if !failed[aws.ToString(m.MessageId)] {
			done = append(done, m)
		}
	}
	if err := s.delete(ctx, done); err != nil {
		log.Error("handled messages could not be deleted; they are redelivered", telemetry.KeyError, err.Error())
	}
}

// invoke returns the ids of the messages that failed.
func (s *Source) invoke(ctx context.Context, place Place, messages []types.Message, received time.Time) (map[string]bool, error) {
	payload, err := encodeEvent(messages, s.arn)
	if err != nil {
		place.GiveBack()
		return nil, err
	}
	// The function must end before the visibility timeout does. A batch that finds no process in time is dropped: a late
	// invocation would overlap with the messages' redelivery.
	wait := s.visibility - s.options.FunctionTimeout - s.options.Now().Sub(received)
	response, err := place.Invoke(context.WithoutCancel(ctx), payload, max(wait, time.Millisecond))
	if err != nil {
		return nil, err
	}
	return failures(response, messages)
}
