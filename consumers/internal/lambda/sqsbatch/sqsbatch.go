// Package sqsbatch is the only code that sees an SQS batch. It hands the messages of a FIFO event source mapping to a
// handler in the order of their group, one at a time or in runs, and answers which of them SQS must give out again.
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
// called for one message of a group at a time, in order, and for several groups concurrently. The context ends with the
// budget of the invocation: a handler that goes on after that risks the invocation, and with it the response for the whole
// batch. A panic is retryable.
type Handler func(ctx context.Context, d message.Delivery) error

// Receipt names one receive of a message to SQS.
type Receipt struct {
	MessageID string
	Handle    string
}

// Queue is what sqsbatch needs of the queue that the batch came from.
type Queue interface {
	// ReturnAfter makes the messages visible again after d, all at the same time, in as few calls as it can; d is
	// rounded up to what the queue counts in. It is called with the receipts of one group, in their order, at most 10,
	// and concurrently for several groups. An error may leave some of them as they were: they then become visible when
	// the queue's own visibility timeout runs out.
	ReturnAfter(ctx context.Context, receipts []Receipt, d time.Duration) error
}

// Bury makes it safe to acknowledge a poison message: it copies the message to the dead-letter queue with the reason and,
// for a message that promised an answer, settles that first. It must bear repetition, and calls for several groups at once.
// nil means that it may be acknowledged.
type Bury func(ctx context.Context, d message.Delivery, reason string) error

// Options of New. A zero field has the default named beside it.
type Options struct {
	// Margin is kept of the context's time for burying, deleting notes and returning. Default 300 ms, which time.go divides; with
	// less, returning may find no time. What the answer needs is not in it: boot ends the context of an invocation early enough
	// for that.
	Margin time.Duration
	// MinPerMessage is the least time that a message is started with. Default 200 ms.
	MinPerMessage time.Duration
	// Runs hands consecutive messages of a group over together. Default none: each goes to the Handler.
	Runs *Runs
	// Attempts keeps notes of attempts that never came back. Default none: a message that kills its function comes back
	// until the queue's last resort.
	Attempts Attempts
	// Visibility answers how long the queue keeps a received message out of sight. It is asked where notes of earlier attempts
	// are met. Default not known: each of those never came back then.
	Visibility func(ctx context.Context) (time.Duration, error)
	// Share gives the groups of one batch something in common, as calls to a queue. It is told how many there are. Each
	// calls join as it starts, for the context of its work, and left, once or more, when that work needs no more of it.
	// A group that is never started does neither. Default nothing.
	Share func(ctx context.Context, groups int) (join func(context.Context) (joined context.Context, left func()))
	// Backoff is drawn from where no delay was chosen for a retryable outcome. Default full jitter of base 1 s up to
	// retry.MaxVisibility, from retry.SystemSource.
	Backoff *retry.FullJitter
	// Go runs each function once, concurrently or not. Default the go statement.
	Go func(func())
	// Now is the clock of the budget and of the lag. Default time.Now.
	Now func() time.Time
	// Logger gets one line a message. Default none.
	Logger *slog.Logger
	// Meter counts what was returned and buried. Default none.
	Meter *telemetry.Meter
}

// Batches handles batches. Safe for concurrent use.
type Batches struct {
	handler Handler
	queue   Queue
	bury    Bury
	options Options

	// visibility is what the queue answered last.
	visibility struct {
		sync.Mutex
		timeout time.Duration
		at      time.Time
	}
}

type joinFunc = func(context.Context) (joined context.Context, left func())

func joinNothing(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

// New makes a Batches. All three parts are required.
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

// ErrUnusable says that the batch cannot be answered message by message.
var ErrUnusable = errors.New("batch cannot be answered message by message")

// group is one message group's part of a batch and what became of it.
type group struct {
	items []item
	// next is the first item that is not acknowledged. The group's own goroutine moves it; others read it after that
	// has ended.
	next int
	// finished is set at the end of an orderly run. Without it, nothing is known of the group.
	finished bool
	notes    notes
	// leave says that the group needs nothing any more of what the batch shares. It may be called again.
	leave func()
}

// Handle answers one batch. The response names, for each group, the first message that is not to be deleted and every
// later one, in the order of the batch; an empty list deletes all. An error gives the whole batch back: SQS reads a
// missing response as success, so nothing that went wrong in here may look like one.
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
	groups, err := split(event)
	if err != nil {
		return events.SQSEventResponse{}, err
	}
	if end, limited := ctx.Deadline(); limited {
		for _, g := range groups {
			// The invocation begins now, with all of its function's time but for the answer.
			g.notes.function = end.Sub(b.options.Now())
		}
	}
	join := b.options.Share(ctx, len(groups))
	var running sync.WaitGroup
	running.Add(len(groups))
	for _, g := range groups {
		b.options.Go(func() {
			defer running.Done()
			b.runGroup(ctx, g, join)
		})
	}
	running.Wait()
	response, err = answer(event, groups)
	if err == nil {
		b.endLate(ctx, groups)
	}
	return response, err
}

// split sorts the records by message group, keeping their order. A record without a message id cannot be named in
// the response, and one id twice cannot be told apart there.
func split(event events.SQSEvent) ([]*group, error) {
	var groups []*group
	byName := map[string]*group{}
	seen := map[string]bool{}
	for i, record := range event.Records {
		if record.MessageId == "" {
			return nil, fmt.Errorf("%w: record %d has no message id", ErrUnusable, i)
		}
		if seen[record.MessageId] {
			return nil, fmt.Errorf("%w: message %s is there twice", ErrUnusable, record.MessageId)
		}
		seen[record.MessageId] = true
		one := itemOf(record)
		g, known := byName[one.Group]
		if !known {
			g = &group{}
			byName[one.Group] = g
			groups = append(groups, g)
		}
		g.items = append(g.items, one)
	}
	return groups, nil
}

// answer lists what is not acknowledged, in the order of the batch. The list is never nil: in JSON, null would be
// read as success.
func answer(event events.SQSEvent, groups []*group) (events.SQSEventResponse, error) {
	returned := map[string]bool{}
	for _, g := range groups {
		if !g.finished {
			return events.SQSEventResponse{}, fmt.Errorf("%w: group %q did not finish", ErrUnusable, g.items[0].Group)
		}
		for _, one := range g.items[g.next:] {
			returned[one.MessageID] = true
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
