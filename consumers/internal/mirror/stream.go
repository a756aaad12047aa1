package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Stream mirrors what the stream of orders hints at. It is safe for concurrent use.
//
// It loads no group: a load takes over a second, or waits for another loader of the same group, and the orders of all other
// groups would wait with it. A group that is not loaded is left to its own queue, as one whose shard is down.
type Stream struct {
	mirror Mirror
}

// NewStream makes a Stream of a Mirror whose Seats load no group.
func NewStream(m Mirror) Stream { return Stream{mirror: m} }

const (
	// maxParallel is how many orders are mirrored at once. Different orders do not depend on each other: Redis holds each to
	// its own row's version.
	maxParallel = 16
	// timeToSend is kept of the invocation's time for sending what was deferred.
	timeToSend = time.Second
)

// result is what became of one order.
type result struct {
	// waits is the row that is left to its group's queue, because of err; nil if none is.
	waits *order.Order
	// err brings the record again with all later ones, unless the row waits in its queue.
	err error
}

// Handle implements streambatch.HintHandler. An order that is named more than once is mirrored once: the row is read in any
// case. The first that fails comes again with all later ones.
func (s Stream) Handle(ctx context.Context, hints []streambatch.Hint) (done int, err error) {
	first := map[contracts.OrderID]int{}
	var ids []contracts.OrderID
	for i, h := range hints {
		if _, seen := first[h.OrderID]; !seen {
			first[h.OrderID] = i
			ids = append(ids, h.OrderID)
		}
	}
	results := s.mirrorAll(ctx, ids)
	s.leaveToQueues(ctx, results)
	done = len(hints)
	for i, r := range results {
		if r.waits == nil && r.err != nil && first[ids[i]] < done {
			done, err = first[ids[i]], fmt.Errorf("order %s: %w", ids[i], r.err)
		}
	}
	return done, err
}

// mirrorAll mirrors orders concurrently, and stops in time to send what is left to queues.
func (s Stream) mirrorAll(ctx context.Context, ids []contracts.OrderID) []result {
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-min(timeToSend, end.Sub(s.mirror.Now())/2)))
		defer cancel()
	}
	results := make([]result, len(ids))
	slots := make(chan struct{}, maxParallel)
	var wg sync.WaitGroup
	for i, id := range ids {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = s.one(ctx, id)
		})
	}
	wg.Wait()
	return results
}

// one mirrors one order. Once the row is read, its group is known: an order that then fails for now waits in the group's queue,
// and the stream goes on. An order whose row cannot be read, or whose messages cannot be sent, has its record redelivered.
func (s Stream) one(ctx context.Context, id contracts.OrderID) (r result) {
	var row order.Order
	// In a goroutine a panic would end the process, and with it the work on the other orders.
	err := retry.Safely("handler", func() (err error) {
		found := false
		if row, found, err = s.mirror.read(ctx, id); err != nil || !found {
			return err // a row that is gone has nothing to mirror
		}
		r.waits = &row
		return s.mirror.apply(ctx, row)
	})
	var panicked *retry.PanicError
	switch {
	case err == nil:
		return result{}
	case errors.As(err, &panicked):
		s.mirror.Log.ErrorContext(ctx, "handler panicked", telemetry.KeyOrder, id, telemetry.KeyError, fmt.Sprint(panicked.Value), telemetry.KeyStack, panicked.Stack)
		s.passOver(ctx, id, retry.Poison("panic", err))
		return result{}
	case errors.Is(err, errNotTold):
		return result{err: err}
	case r.waits == nil:
		return result{err: err}
	case retry.IsPoison(err):
		s.passOver(ctx, id, err)
		return result{}
	default:
		r.err = err
		return r
	}
}

// passOver keeps what no attempt can cure, a broken invariant or a panic, from stopping the shard for good. The row stays the
// truth, and a repair of the group finds what is left undone here.
func (s Stream) passOver(ctx context.Context, id contracts.OrderID, err error) {
	s.mirror.Log.ErrorContext(ctx, "order not mirrored", telemetry.KeyOrder, id, telemetry.KeyReason, retry.Classify(err).Reason, telemetry.KeyError, err.Error())
	s.mirror.Meter.Put(telemetry.RecordsPassedOver, 1)
	s.mirror.Meter.Put(telemetry.InvariantsBroken, 1)
}

// leaveToQueues sends MirrorOrder for each row that waits. Where that fails, their records come again.
func (s Stream) leaveToQueues(ctx context.Context, results []result) {
	var messages []message.Encoded
	var sent []int
	var why error
	for i, r := range results {
		if r.waits == nil {
			continue
		}
		encoded, err := message.Encode(message.MirrorOrder{
			OrderID: r.waits.OrderID, ConcertID: r.waits.ConcertID, Group: r.waits.Group, RowVersion: r.waits.Version,
		}, "")
		if err != nil {
			s.passOver(ctx, r.waits.OrderID, &retry.PoisonError{Reason: "encode", Err: err})
			results[i] = result{}
			continue
		}
		messages, sent, why = append(messages, encoded), append(sent, i), r.err
	}
	if len(messages) == 0 {
		return
	}
	s.mirror.Log.WarnContext(ctx, "orders left to their queues", telemetry.KeyCount, len(messages), telemetry.KeyError, why.Error())
	if err := s.mirror.Sender.Send(ctx, messages...); err != nil {
		for _, i := range sent {
			results[i] = result{err: fmt.Errorf("send MirrorOrder: %w", err)}
		}
		return
	}
	s.mirror.Meter.Put(telemetry.OrdersLeftToQueues, float64(len(messages)))
}
