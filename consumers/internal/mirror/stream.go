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

// Stream applies the rows to which the hints of the stream of orders refer. It is safe for concurrent use.
//
// It loads no group: the orders of all other groups would wait for the load, which takes more than a second, or for another
// loader of the group. An order whose group is not loaded is sent to the queue of the group, like one whose shard is unreachable.
type Stream struct {
	mirror Mirror
}

// NewStream returns a Stream. The Seats of m must load no group.
func NewStream(m Mirror) Stream { return Stream{mirror: m} }

const (
	// maxParallel bounds how many orders are mirrored at once. Orders do not depend on each other: Redis compares the version of
	// each with its own row only.
	maxParallel = 16
	// timeToSend is the part of the invocation's time that is reserved for sending MirrorOrders.
	timeToSend = time.Second
)

// result is the result of mirroring one order. The zero result is done.
type result struct {
	// deferred is the row that is to be sent to the queue of its group because of err, nil for none.
	deferred *order.Order
	// err is the error. Unless the row is deferred, the record is redelivered with all later ones.
	err error
}

// Handle implements streambatch.HintHandler. An order with several hints is mirrored once, since its row is read after all of
// them. From the first order that fails on, the records are redelivered.
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
	s.deferToQueues(ctx, results)
	done = len(hints)
	for i, r := range results {
		if r.deferred == nil && r.err != nil && first[ids[i]] < done {
			done, err = first[ids[i]], fmt.Errorf("order %s: %w", ids[i], r.err)
		}
	}
	return done, err
}

// mirrorAll mirrors orders concurrently, and stops early enough to send MirrorOrders.
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
			results[i] = s.mirrorOrder(ctx, id)
		})
	}
	wg.Wait()
	return results
}

// mirrorOrder mirrors one order. If it fails after the row is read, the row is deferred to the queue of its group, so that the
// stream can continue. If the row cannot be read, or the SettleOrders of a sale cannot be sent, the record is redelivered. If the
// failure is permanent or a panic, the record is skipped.
func (s Stream) mirrorOrder(ctx context.Context, id contracts.OrderID) (r result) {
	var row order.Order
	// Without Safely a panic in this goroutine would end the process, and with it the work on the other orders.
	err := retry.Safely("handler", func() (err error) {
		found := false
		if row, found, err = s.mirror.read(ctx, id); err != nil || !found {
			return err // a deleted row is done
		}
		r.deferred = &row
		return s.mirror.apply(ctx, row)
	})
	var panicked *retry.PanicError
	switch {
	case err == nil:
		return result{}
	case errors.As(err, &panicked):
		s.mirror.Log.ErrorContext(ctx, "handler panicked", telemetry.KeyOrder, id, telemetry.KeyError, fmt.Sprint(panicked.Value), telemetry.KeyStack, panicked.Stack)
		s.skip(ctx, id, retry.Poison("panic", err))
		return result{}
	case errors.Is(err, errSeatLostNotSent):
		return result{err: err}
	case r.deferred == nil:
		return result{err: err}
	case retry.IsPoison(err):
		s.skip(ctx, id, err)
		return result{}
	default:
		r.err = err
		return r
	}
}

// skip logs and counts an order that every attempt would fail for, because of a broken invariant or a panic. Its record must not
// stop the shard for ever. The row stays the truth, and a repair of the group applies it.
func (s Stream) skip(ctx context.Context, id contracts.OrderID, err error) {
	s.mirror.Log.ErrorContext(ctx, "order not mirrored", telemetry.KeyOrder, id, telemetry.KeyReason, retry.Classify(err).Reason, telemetry.KeyError, err.Error())
	s.mirror.Meter.Put(telemetry.RecordsPassedOver, 1)
	s.mirror.Meter.Put(telemetry.InvariantsBroken, 1)
}

// deferToQueues sends MirrorOrder for each deferred row. If that fails, their records are redelivered.
func (s Stream) deferToQueues(ctx context.Context, results []result) {
	var messages []message.Encoded
	var indexes []int
	var lastErr error
	for i, r := range results {
		if r.deferred == nil {
			continue
		}
		encoded, err := message.Encode(message.MirrorOrder{
			OrderID: r.deferred.OrderID, ConcertID: r.deferred.ConcertID, Group: r.deferred.Group, RowVersion: r.deferred.Version,
		}, "")
		if err != nil {
			s.skip(ctx, r.deferred.OrderID, retry.Poison("encode", err))
			results[i] = result{}
			continue
		}
		messages, indexes, lastErr = append(messages, encoded), append(indexes, i), r.err
	}
	if len(messages) == 0 {
		return
	}
	s.mirror.Log.WarnContext(ctx, "orders deferred to the queues of their groups", telemetry.KeyCount, len(messages), telemetry.KeyError, lastErr.Error())
	if err := s.mirror.Sender.Send(ctx, messages...); err != nil {
		for _, i := range indexes {
			results[i] = result{err: fmt.Errorf("send MirrorOrder: %w", err)}
		}
		return
	}
	s.mirror.Meter.Put(telemetry.OrdersLeftToQueues, float64(len(messages)))
}
