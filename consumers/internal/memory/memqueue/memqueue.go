// Package memqueue is a FIFO queue of SQS in memory, in the mode that contracts/topology gives every queue: order, blocking
// and deduplication are those of a message group. The caller gives the clock and ids are counted, so that runs are
// repeatable. queuetest checks it and a real server against the same promises.
//
// It has no limits of throughput, size or messages in flight, and keeps messages for ever.
package memqueue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Options configures a Queue. Name and Now are required.
type Options struct {
	// Name is the prefix of message ids. It must differ from that of other queues.
	Name string
	// Visibility is for how long a received message is hidden, unless it is returned or deleted.
	Visibility time.Duration
	// Delay is how long after its send a message can first be received.
	Delay time.Duration
	// MaxReceives bounds how often a message is received; the next receive moves it to DeadLetters instead. 0 means no
	// bound.
	MaxReceives int
	DeadLetters *Queue
	Now         func() time.Time
}

// Queue is one queue. It is safe for concurrent use; no method blocks.
type Queue struct {
	o Options

	mu sync.Mutex
	// messages are those that are not deleted, in the order of their sends.
	messages []*stored
	sequence int
	// sent remembers sends by group and deduplication id.
	sent map[[2]string]remembered
}

type stored struct {
	message.Delivery
	// visibleAt is when the message can be received. A receipt is valid until then.
	visibleAt time.Time
	receipt   string
}

type remembered struct {
	Sent
	at time.Time
}

// Sent is the queue's response to a send.
type Sent struct{ MessageID, SequenceNumber string }

// Message is one receive of a message.
type Message struct {
	message.Delivery
	Receipt string
}

// deduplicatedFor is how long SQS remembers a deduplication id: from the first send, whatever happens to the message.
const deduplicatedFor = 5 * time.Minute

// maxMessages bounds the messages that SQS returns in one call, maxVisibility the visibility timeout that it accepts.
const (
	maxMessages   = 10
	maxVisibility = 12 * time.Hour
)

// ErrReceipt means that a receipt is not valid: the message has become visible again, was received again, or is deleted.
var ErrReceipt = errors.New("the receipt handle has expired or is not one of this queue")

// New makes an empty queue.
func New(o Options) *Queue { return &Queue{o: o, sent: map[[2]string]remembered{}} }

// Send stores a message; or, for a deduplication id that the same group used in the last 5 minutes, it returns the first
// response again and stores nothing.
func (q *Queue) Send(ctx context.Context, m message.Encoded) (Sent, error) {
	if err := ctx.Err(); err != nil {
		return Sent{}, fmt.Errorf("send: %w", err)
	}
	if m.Group == "" || m.DeduplicationID == "" || m.Body == "" {
		return Sent{}, fmt.Errorf("send: group %q, deduplication id %q and a body of %d bytes, none may be empty", m.Group, m.DeduplicationID, len(m.Body))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now, key := q.o.Now(), [2]string{m.Group, m.DeduplicationID}
	if before, known := q.sent[key]; known && now.Sub(before.at) < deduplicatedFor {
		return before.Sent, nil
	}
	d := q.enqueue(message.Delivery{
		MessageID: fmt.Sprintf("%s-%d", q.o.Name, q.sequence+1), Group: m.Group, SentAt: contracts.InstantOf(now),
		Attributes: m.Attributes, Body: m.Body,
	}, now)
	answer := Sent{MessageID: d.MessageID, SequenceNumber: d.SequenceNumber}
	q.sent[key] = remembered{Sent: answer, at: now}
	return answer, nil
}

// enqueue needs the lock.
func (q *Queue) enqueue(d message.Delivery, now time.Time) message.Delivery {
	q.sequence++
	d.SequenceNumber = fmt.Sprintf("%020d", q.sequence)
	q.messages = append(q.messages, &stored{Delivery: d, visibleAt: now.Add(q.o.Delay)})
	return d
}

// Receive returns up to limit messages, 1 to 10. Those of a group come in their order, and none while one of them is hidden
// after a receive. As SQS does, it takes all that it can of one group before the next, here the one whose first message is
// older.
func (q *Queue) Receive(ctx context.Context, limit int) ([]Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	if limit < 1 || limit > maxMessages {
		return nil, fmt.Errorf("receive %d messages, may be 1 to %d", limit, maxMessages)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.o.Now()
	var out []Message
	for _, group := range q.available(now) {
		for _, m := range group {
			if len(out) == limit {
				return out, nil
			}
			if q.o.MaxReceives > 0 && m.ReceiveCount >= q.o.MaxReceives {
				q.bury(m, now)
				continue
			}
			m.ReceiveCount++
			m.receipt = fmt.Sprintf("%s/%d", m.MessageID, m.ReceiveCount)
			m.visibleAt = now.Add(q.o.Visibility)
			out = append(out, Message{Delivery: m.Delivery, Receipt: m.receipt})
		}
	}
	return out, nil
}

// available returns the messages that can be received now, by group, the group with the oldest message first.
func (q *Queue) available(now time.Time) [][]*stored {
	closed := map[string]bool{}
	for _, m := range q.messages {
		if m.ReceiveCount > 0 && m.visibleAt.After(now) {
			closed[m.Group] = true
		}
	}
	var groups [][]*stored
	at := map[string]int{}
	for _, m := range q.messages {
		// No message of a group is due before one that is delayed and was sent earlier.
		if closed[m.Group] = closed[m.Group] || m.visibleAt.After(now); closed[m.Group] {
			continue
		}
		i, known := at[m.Group]
		if !known {
			i = len(groups)
			at[m.Group], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], m)
	}
	return groups
}

// bury moves a message to the dead-letter queue, in its group and under its id. SQS does not document the receive count and
// send time of a moved message; here they stay. Needs the lock.
func (q *Queue) bury(m *stored, now time.Time) {
	q.drop(m)
	if dead := q.o.DeadLetters; dead != nil {
		dead.mu.Lock()
		defer dead.mu.Unlock()
		dead.enqueue(m.Delivery, now)
	}
}

// Delete deletes a received message from the queue for good.
func (q *Queue) Delete(ctx context.Context, receipt string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	m, err := q.received(receipt)
	if err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	q.drop(m)
	return nil
}

var _ sqsbatch.Queue = (*Queue)(nil)

// ReturnAfter implements sqsbatch.Queue: whole seconds, rounded up, from 0 to 12 hours. It tries all receipts.
func (q *Queue) ReturnAfter(ctx context.Context, receipts []sqsbatch.Receipt, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("return: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	d = (min(max(d, 0), maxVisibility) + time.Second - 1).Truncate(time.Second)
	var problems []error
	for _, r := range receipts {
		m, err := q.received(r.Handle)
		if err != nil {
			problems = append(problems, fmt.Errorf("return %s: %w", r.MessageID, err))
			continue
		}
		m.visibleAt = q.o.Now().Add(d)
	}
	return errors.Join(problems...)
}

// received returns the message of a valid receipt. Needs the lock.
func (q *Queue) received(receipt string) (*stored, error) {
	for _, m := range q.messages {
		if m.receipt == receipt && receipt != "" && m.visibleAt.After(q.o.Now()) {
			return m, nil
		}
	}
	return nil, ErrReceipt
}

// drop needs the lock.
func (q *Queue) drop(gone *stored) {
	kept := make([]*stored, 0, len(q.messages))
	for _, m := range q.messages {
		if m != gone {
			kept = append(kept, m)
		}
	}
	q.messages = kept
}
