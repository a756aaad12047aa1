// Package sqsbatch is the only code that sees an SQS batch. It passes the messages of an event source mapping to a handler, those
// of a FIFO queue in the order of their group, one at a time or in runs, and returns the list of messages that SQS must redeliver.
//
// It guarantees that no message is acknowledged before it is done, refused or buried, and that no message of a group is handled
// before an earlier one that is redelivered. A message may be handled more than once. It needs a queue whose event source
// mapping reports batch item failures, and a context that ends early enough for the response (package boot).
//
// The rules, with the reason for each, are in README.md.
package sqsbatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Handler handles one message and returns an error that retry.Classify classifies; nil means that the effect is there. It is
// called for one message of a group at a time, in order, and for several groups concurrently. The context ends with the budget
// of the invocation: a handler that works longer endangers the response for the whole batch. A panic is retryable.
type Handler func(ctx context.Context, d message.Delivery) error

// Receipt identifies one receive of a message to SQS.
type Receipt struct {
	MessageID string
	Handle    string
}

// Queue is the queue that the batch came from.
type Queue interface {
	// ReturnAfter makes the messages visible again after d, all at the same time, in as few calls as possible. d is rounded up
	// to the unit of the queue. It is called with at most 10 receipts, those of one group in their order, and concurrently
	// for several groups. It blocks no longer than ctx allows. After an error some messages may be unchanged: they become
	// visible when the queue's own visibility timeout ends.
	ReturnAfter(ctx context.Context, receipts []Receipt, d time.Duration) error
}

// Bury makes it safe to acknowledge a poison message. It copies the message to the dead-letter queue with the reason; before
// that, it ends the order if a buyer waits for the result. It may be repeated, and is called concurrently for several groups. A
// nil error means that the message may be acknowledged.
type Bury func(ctx context.Context, d message.Delivery, reason string) error

// Options are the options of New. A zero field means its default.
type Options struct {
	// Margin is the part of the context's time that is reserved for burying, deleting notes and returning. Default 300 ms,
	// which time.go divides; with less there may be no time to return. It does not include the time for the response: boot
	// ends the context of an invocation early enough for that.
	Margin time.Duration
	// MinPerMessage is the minimum time that must be left to start a message. Default 200 ms.
	MinPerMessage time.Duration
	// Standard says that the queue is a standard queue: each message is a group of its own. Messages that were received before
	// are handled one after another, when all others have ended (standard.go). Default a FIFO queue.
	Standard bool
	// Runs handles consecutive messages of a group together. Default none: each message goes to the Handler.
	Runs *Runs
	// Attempts stores notes of attempts that have not ended. Default none: a message that kills its function is redelivered
	// until the queue's maximum of receives.
	Attempts Attempts
	// Visibility returns the queue's visibility timeout. It is called only for a message with notes of earlier attempts. By
	// default the timeout is unknown, and each of those attempts counts as lost.
	Visibility func(ctx context.Context) (time.Duration, error)
	// Share lets the groups of one batch share something, for example calls to a queue. It is called with the number of
	// groups. Each group calls join when it starts, works with the context joined, and calls left, once or more often, when
	// its work no longer needs the share. A group that is never started calls neither. Default nothing is shared.
	Share func(ctx context.Context, groups int) (join func(context.Context) (joined context.Context, left func()))
	// Backoff returns the delay of a retryable message whose error asks for none. Default full jitter with base 1 s and limit
	// retry.MaxVisibility, from retry.SystemSource.
	Backoff *retry.FullJitter
	// Go calls each function once, concurrently or not. Default the go statement.
	Go func(func())
	// Now is the clock for the budget and the lag. Default time.Now.
	Now func() time.Time
	// Logger gets one line per message. Default none.
	Logger *slog.Logger
	// Meter counts returned and buried messages. Default none.
	Meter *telemetry.Meter
}

// Batches handles batches. It is safe for concurrent use.
type Batches struct {
	handler Handler
	queue   Queue
	bury    Bury
	options Options

	// visibility is the last known visibility timeout, and when the queue was asked for it.
	visibility struct {
		sync.Mutex
		timeout time.Duration
		at      time.Time
	}
}

type joinFunc = func(context.Context) (joined context.Context, left func())

func joinNothing(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

// New returns a Batches. handler, queue and bury are required.
func New(handler Handler, queue Queue, bury Bury, options Options) *Batches {
	if options.Margin <= 0 {
		options.Margin = defaultMargin
	}
	if options.MinPerMessage <= 0 {
		options.MinPerMessage = 200 * time.Millisecond
	}
	if options.Backoff == nil {
		options.Backoff = retry.NewFullJitter(time.Second, retry.MaxVisibility, retry.SystemSource())
	}
	if options.Go == nil {
		options.Go = func(f func()) { go f() }
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Share == nil {
		options.Share = func(context.Context, int) joinFunc { return joinNothing }
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return &Batches{handler: handler, queue: queue, bury: bury, options: options}
}

// ErrUnusable says that no response can name the messages to redeliver, so the whole batch is redelivered.
var ErrUnusable = errors.New("the whole batch is redelivered")

// group is one message group's part of a batch, and its state.
type group struct {
	items []item
	// next is the index of the first item that is not acknowledged. Only the group's own goroutine changes it; others read it
	// after that goroutine has ended.
	next int
	// finished is set when the group's goroutine ends in order. Without it, the state of the group is not known.
	finished bool
	notes    notes
	// leaveShare says that the group no longer needs what the groups share (Options.Share). It may be called again.
	leaveShare func()
}

// Handle handles one batch. The response lists, for each group, the first message that must be redelivered and every later one,
// in the order of the batch; SQS deletes all others. An error redelivers the whole batch: SQS takes an empty response for
// success, so no fault in this package may lead to one.
func (b *Batches) Handle(ctx context.Context, event events.SQSEvent) (response events.SQSEventResponse, err error) {
	panicked := b.safely(ctx, "batch", "", func() error {
		response, err = b.respond(ctx, event)
		return nil
	})
	if panicked != nil {
		return events.SQSEventResponse{}, fmt.Errorf("%w: %w", ErrUnusable, panicked)
	}
	return response, err
}

func (b *Batches) respond(ctx context.Context, event events.SQSEvent) (response events.SQSEventResponse, err error) {
	groups, err := b.split(event)
	if err != nil {
		return events.SQSEventResponse{}, err
	}
	if end, limited := ctx.Deadline(); limited {
		for _, g := range groups {
			// The invocation starts now, with all of its function's time except that for the response.
			g.notes.functionTime = end.Sub(b.options.Now())
		}
	}
	join := b.options.Share(ctx, len(groups))
	concurrent, later := b.inTurn(groups)
	var running sync.WaitGroup
	running.Add(len(concurrent))
	for _, g := range concurrent {
		b.options.Go(func() {
			defer running.Done()
			b.runGroup(ctx, g, join)
		})
	}
	running.Wait()
	for _, g := range later {
		b.runGroup(ctx, g, join)
	}
	response, err = responseOf(event, groups)
	if err == nil {
		b.deleteBatchNotes(ctx, groups)
	}
	return response, err
}

// split divides the records by message group and keeps their order. Each record of a standard queue is a group. A record without a message id cannot be named in the
// response, and neither can one of two records with the same id.
func (b *Batches) split(event events.SQSEvent) ([]*group, error) {
	var groups []*group
	byName := map[string]*group{}
	seen := map[string]bool{}
	for i, record := range event.Records {
		if record.MessageId == "" {
			return nil, fmt.Errorf("%w: record %d has no message id", ErrUnusable, i)
		}
		if seen[record.MessageId] {
			return nil, fmt.Errorf("%w: message %s appears twice", ErrUnusable, record.MessageId)
		}
		seen[record.MessageId] = true
		m := itemOf(record)
		g, known := byName[m.Group]
		if !known || b.options.Standard {
			g = &group{}
			byName[m.Group] = g
			groups = append(groups, g)
		}
		g.items = append(g.items, m)
	}
	return groups, nil
}

// responseOf lists the messages that are not acknowledged, in the order of the batch. The list is never nil, because SQS takes
// a null list for success.
func responseOf(event events.SQSEvent, groups []*group) (events.SQSEventResponse, error) {
	returned := map[string]bool{}
	for _, g := range groups {
		if !g.finished {
			return events.SQSEventResponse{}, fmt.Errorf("%w: group %q did not finish", ErrUnusable, g.items[0].Group)
		}
		for _, m := range g.items[g.next:] {
			returned[m.MessageID] = true
		}
	}
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, record := range event.Records {
		if returned[record.MessageId] {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
		}
	}
	return response, nil
}
