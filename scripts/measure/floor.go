package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/redis/go-redis/v9"
	"github.com/stripe/stripe-go/v76/client"
	"golang.org/x/sync/errgroup"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// floorResult is the result of the bare loop: the calls of the pipeline, made by loops in one process.
type floorResult struct {
	OrdersPerSecond float64 `json:"ordersPerSecond"`
	// Ratio is the pipeline's rate divided by this rate.
	Ratio float64       `json:"ratio"`
	CPU   []processCost `json:"cpu"`
	// OthersShare is defined as in phase.
	OthersShare float64 `json:"othersShare"`
}

// floorWorkers bounds how many batches run at once. It is the number of processes that devstack gives reserve.
const floorWorkers = 6

// bare makes the calls of the pipeline without the pipeline. Of reserve: for each batch a receive, two sends and a delete, for
// each group a call to Redis, for each order a put or a transaction. Of pay: for each held order a call to Redis, a read, a
// PaymentIntent and a put. Of mirror: for each version a read and a call to Redis. Of publish: a put of ten events. Queues,
// tables and bus are copies, so that no row or seat of the stack changes. For the same reason Redis gets only a PING, which
// leaves out the work of the scripts (some 40 µs). The PaymentIntents are created in the stack's stand-in for Stripe and stay
// there. They belong to no order, since their metadata names no environment.
type bare struct {
	*copies
	redis *redis.Client
	// The first held orders are held, the others rejected. heldRow, awaitingRow and rejectedRow are stored with each order's id.
	held                              int64
	heldRow, awaitingRow, rejectedRow map[string]types.AttributeValue
	detail                            string // of an event
	merchant                          *client.API
	taken                             atomic.Int64
	orders                            int64
	last                              atomic.Int64 // Unix nanoseconds of the last put
}

// floor repeats a phase as a bare loop, with the same messages and as many held rows, while lambdahost is stopped.
func (m *measures) floor(ctx context.Context, p phase, o outcome, messages []message.Encoded) (_ *floorResult, err error) {
	m.progress("the same calls in a bare loop, seat groups %d", p.Groups)
	processes, err := m.processes(ctx)
	if err != nil {
		return nil, err
	}
	resume, err := m.pause(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resume()) }()
	c, err := m.copy(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.remove(context.WithoutCancel(ctx))) }()
	b := &bare{copies: c, redis: m.Redis, held: int64(p.Held), orders: int64(len(messages)), merchant: m.Merchant(),
		heldRow: o.rows[contracts.Held], awaitingRow: o.rows[contracts.AwaitingPayment], rejectedRow: o.rows[contracts.Rejected]}
	b.detail = messages[0].Body
	if err := m.enqueue(ctx, c.ordersQueue, messages); err != nil {
		return nil, err
	}
	from, err := readUsage(processes)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	loops, loopCtx := errgroup.WithContext(ctx)
	loops.Go(func() error { return b.poll(loopCtx, b.ordersQueue, b.orders, b.batch) })
	loops.Go(func() error { return b.poll(loopCtx, b.paymentsQueue, b.held, b.payments) })
	loops.Go(func() error { return b.follow(loopCtx, b.mirror) })
	loops.Go(func() error { return b.follow(loopCtx, b.publish) })
	if err := loops.Wait(); err != nil {
		return nil, err
	}
	to, err := readUsage(processes)
	if err != nil {
		return nil, err
	}
	f := &floorResult{OthersShare: others(from, to, runtime.NumCPU()), OrdersPerSecond: float64(b.orders) / time.Unix(0, b.last.Load()).Sub(begun).Seconds()}
	f.Ratio = p.OrdersPerSecond / f.OrdersPerSecond
	f.CPU, err = costs(from, to, p.Orders)
	m.progress("bare loop: %.0f orders/s", f.OrdersPerSecond)
	return f, err
}

// poll passes batches of a queue to handle until so many messages are received. As in an event source mapping, one poller serves
// all batches, and an empty receive is repeated when a batch is done.
func (b *bare) poll(ctx context.Context, queue string, messages int64, handle func(context.Context, []sqstypes.Message) error) error {
	batches, ctx := errgroup.WithContext(ctx)
	batches.SetLimit(floorWorkers)
	freed := make(chan struct{}, 1)
	for received := int64(0); received < messages; {
		out, err := b.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &queue, MaxNumberOfMessages: maxBatch, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		})
		if err != nil {
			return errors.Join(fmt.Errorf("receive: %w", err), batches.Wait())
		}
		if len(out.Messages) == 0 {
			select {
			case <-freed:
				continue
			case <-time.After(idlePoll):
				continue
			case <-ctx.Done():
				return batches.Wait()
			}
		}
		received += int64(len(out.Messages))
		batches.Go(func() error {
			err := errors.Join(handle(ctx, out.Messages), b.deleteAll(ctx, queue, out.Messages))
			select {
			case freed <- struct{}{}:
			default:
			}
			return err
		})
	}
	return batches.Wait()
}

// idlePoll is how long a poller waits after an empty receive.
const idlePoll = 100 * time.Millisecond

func (b *bare) batch(ctx context.Context, batch []sqstypes.Message) error {
	groups := map[string][]sqstypes.Message{}
	for _, one := range batch {
		g := one.Attributes["MessageGroupId"]
		groups[g] = append(groups[g], one)
	}
	calls, callCtx := errgroup.WithContext(ctx)
	held := make(chan heldOrder, len(batch))
	for _, run := range groups {
		calls.Go(func() error {
			if err := b.redis.Ping(callCtx).Err(); err != nil {
				return fmt.Errorf("redis: %w", err)
			}
			puts, putCtx := errgroup.WithContext(callCtx)
			for _, one := range run {
				puts.Go(func() error {
					id := newOrderID()
					if b.taken.Add(1) > b.held {
						return b.putRow(putCtx, id, b.rejectedRow, false)
					}
					held <- heldOrder{id, one}
					return b.putRow(putCtx, id, b.heldRow, true)
				})
			}
			return puts.Wait()
		})
	}
	if err := calls.Wait(); err != nil {
		return err
	}
	b.last.Store(time.Now().UnixNano())
	close(held)
	return b.sendSteps(ctx, held)
}

// heldOrder is an order and the message that placed it.
type heldOrder struct {
	id     contracts.OrderID
	placed sqstypes.Message
}

// sendSteps sends OpenPayment and ExpireHold of each held order, in one call for each queue.
func (b *bare) sendSteps(ctx context.Context, held <-chan heldOrder) error {
	var opens, ends []sqstypes.SendMessageBatchRequestEntry
	for one := range held {
		open, openErr := message.Encode(message.OpenPayment{OrderID: one.id, ConcertID: "floor", Group: "floor", RowVersion: 1}, "")
		end, endErr := message.Encode(message.ExpireHold{OrderID: one.id, ConcertID: "floor", Group: "floor", RowVersion: 1}, "")
		if err := errors.Join(openErr, endErr); err != nil {
			return err
		}
		entries := sendEntries([]message.Encoded{open, end})
		for i := range entries {
			entries[i].Id = one.placed.MessageId
		}
		entries[1].MessageGroupId = aws.String(one.placed.Attributes["MessageGroupId"])
		opens, ends = append(opens, entries[0]), append(ends, entries[1])
	}
	if len(ends) == 0 {
		return nil
	}
	_, openErr := b.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &b.paymentsQueue, Entries: opens})
	_, endErr := b.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &b.expiriesQueue, Entries: ends})
	return errors.Join(openErr, endErr)
}

func (b *bare) deleteAll(ctx context.Context, queue string, batch []sqstypes.Message) error {
	entries := make([]sqstypes.DeleteMessageBatchRequestEntry, len(batch))
	for i, one := range batch {
		entries[i] = sqstypes.DeleteMessageBatchRequestEntry{Id: one.MessageId, ReceiptHandle: one.ReceiptHandle}
	}
	_, err := b.sqs.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &queue, Entries: entries})
	return err
}
