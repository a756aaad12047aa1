package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// wish is what one buyer orders.
type wish struct {
	user, group string
	seats       []string
}

// wishes returns n wishes of n buyers, alternately for one seat and for two, spread over the groups in turn. In each group they
// take the seats from the first to the last and then begin again, so that orders are held while there are free seats.
func wishes(run string, groups []group, n int) []wish {
	next := make([]int, len(groups))
	list := make([]wish, n)
	for i := range list {
		g := i % len(groups)
		seats := groups[g].Seats
		quantity := 1 + i/len(groups)%2
		if next[g]+quantity > len(seats) {
			next[g] = 0
		}
		list[i] = wish{user: fmt.Sprintf("%s-%06d", run, i), group: groups[g].Group, seats: seats[next[g] : next[g]+quantity]}
		next[g] += quantity
	}
	return list
}

// placeOrders returns the messages that the API would send. They wait before they are handled, so their deadline is late.
func (s *stack) placeOrders(list []wish) ([]message.Encoded, error) {
	now := contracts.InstantOf(time.Now())
	all := make([]message.Encoded, len(list))
	for i, w := range list {
		var err error
		all[i], err = message.Encode(message.PlaceOrder{
			OrderID: newOrderID(), UserID: w.user, ConcertID: s.Arena, Group: w.group, LayoutVersion: s.layout.LayoutVersion,
			Seats: w.seats, RequestHash: contracts.RequestHash(s.Arena, w.seats), AcceptedAt: now, Deadline: now.Add(time.Hour),
		}, "")
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// newOrderID returns an id in the form of an order's. Only the API can make one that it verifies.
func newOrderID() contracts.OrderID {
	id := make([]byte, contracts.OrderIDLength)
	// Read never fails (crypto/rand).
	_, _ = rand.Read(id)
	for i, b := range id {
		id[i] = contracts.OrderIDAlphabet[int(b)%len(contracts.OrderIDAlphabet)]
	}
	id[0] = 'e'
	return contracts.OrderID(id)
}

// maxBatch is the most messages that SQS takes in one call. maxSends bounds how many calls are made at once.
const (
	maxBatch = 10
	maxSends = 4
)

// enqueue sends messages to a queue. Calls run in parallel, so the order of the messages is not kept.
func (s *stack) enqueue(ctx context.Context, queueURL string, messages []message.Encoded) error {
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(maxSends)
	for chunk := range slices.Chunk(messages, maxBatch) {
		calls.Go(func() error {
			out, err := s.Queues.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &queueURL, Entries: sendEntries(chunk)})
			if err == nil && len(out.Failed) > 0 {
				err = fmt.Errorf("%d of %d messages were refused: %s", len(out.Failed), len(chunk), aws.ToString(out.Failed[0].Message))
			}
			if err != nil {
				return fmt.Errorf("enqueue: %w", err)
			}
			return nil
		})
	}
	return calls.Wait()
}

func sendEntries(messages []message.Encoded) []sqstypes.SendMessageBatchRequestEntry {
	entries := make([]sqstypes.SendMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = sqstypes.SendMessageBatchRequestEntry{
			Id: aws.String(fmt.Sprint(i)), MessageBody: &m.Body, MessageGroupId: &m.Group, MessageDeduplicationId: &m.DeduplicationID,
			MessageAttributes: map[string]sqstypes.MessageAttributeValue{},
		}
		for name, value := range m.Attributes.Map() {
			entries[i].MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	return entries
}

// outcome is the result of a run's orders.
type outcome struct {
	held, rejected, confirmed int
	// versions is the number of versions of all rows.
	versions int
	// last is when the last order was decided, or confirmed. lastHeld is when the last order was held.
	last, lastHeld time.Time
	// rows has one stored row of each status.
	rows map[contracts.Status]map[string]types.AttributeValue
}

// outcomeOf reads the rows of a run. It is an error if an order has no row.
func (s *stack) outcomeOf(ctx context.Context, run string, orders int) (outcome, error) {
	o := outcome{rows: map[contracts.Status]map[string]types.AttributeValue{}}
	pages := dynamodb.NewScanPaginator(s.Dynamo, &dynamodb.ScanInput{
		TableName: aws.String(s.Table("orders")), ConsistentRead: aws.Bool(true), FilterExpression: aws.String("begins_with(userId, :run)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":run": &types.AttributeValueMemberS{Value: run + "-"}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return o, fmt.Errorf("rows: %w", err)
		}
		for _, item := range page.Items {
			var row readmodel.Order
			if err := attributevalue.UnmarshalMap(item, &row); err != nil {
				return o, fmt.Errorf("row: %w", err)
			}
			switch {
			case row.Status.Open(): // held; its payment may be open already
				o.held++
				if at := row.History[0].At.Time(); at.After(o.lastHeld) {
					o.lastHeld = at
				}
				o.rows[contracts.Held] = item
			case row.Status == contracts.Rejected && row.Reason != nil && row.Reason.Code == contracts.ReasonSeatTaken:
				o.rejected++
			case row.Status == contracts.Confirmed:
				o.confirmed++
			default:
				return o, fmt.Errorf("order %s is %s (%+v), want HELD, REJECTED(seat_taken) or CONFIRMED", row.OrderID, row.Status, row.Reason)
			}
			o.rows[row.Status] = item
			o.versions += row.Version
			step := row.History[0]
			if row.Status == contracts.Confirmed {
				step = row.History[len(row.History)-1]
			}
			if at := step.At.Time(); at.After(o.last) {
				o.last = at
			}
		}
	}
	if n := o.held + o.rejected + o.confirmed; n != orders {
		return o, fmt.Errorf("%d of %d orders have a row", n, orders)
	}
	return o, nil
}
