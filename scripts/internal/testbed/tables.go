package testbed

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/invariants"
)

// Order reads the stored row of an order.
func (b *Bed) Order(ctx context.Context, id contracts.OrderID) (o readmodel.Order, found bool, err error) {
	out, err := b.Dynamo.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(b.Table("orders")), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: string(id)}},
	})
	if err != nil {
		return o, false, err
	}
	return o, out.Item != nil, attributevalue.UnmarshalMap(out.Item, &o)
}

// Orders reads all rows of orders, consistently but not at one instant.
func (b *Bed) Orders(ctx context.Context) ([]readmodel.Order, error) {
	return scan[readmodel.Order](ctx, b, "orders")
}

// DeadLetters reads all letters that reconcile has kept, in the same way, and the notes of what should not be: attempts that
// never came back, differences that the ledger check has reported. How far that check is says nothing of the kind.
func (b *Bed) DeadLetters(ctx context.Context) ([]readmodel.DeadLetter, error) {
	letters, err := scan[readmodel.DeadLetter](ctx, b, "deadletters")
	return slices.DeleteFunc(letters, func(l readmodel.DeadLetter) bool { return l.MessageKey == readmodel.LedgerCursorKey }), err
}

func scan[Row any](ctx context.Context, b *Bed, table string) ([]Row, error) {
	var rows []Row
	pages := dynamodb.NewScanPaginator(b.Dynamo, &dynamodb.ScanInput{TableName: aws.String(b.Table(table)), ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("scan %s: %w", table, err)
		}
		var some []Row
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &some); err != nil {
			return nil, fmt.Errorf("scan %s: %w", table, err)
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// Waiting is how many messages a queue has: to be had, being handled, and delayed.
func (b *Bed) Waiting(ctx context.Context, queue string) (int, error) {
	names := []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := b.Queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(b.Queue(queue)), AttributeNames: names})
	if err != nil {
		return 0, fmt.Errorf("queue %s: %w", queue, err)
	}
	total := 0
	for _, name := range names {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("queue %s: %s: %w", queue, name, err)
		}
		total += n
	}
	return total, nil
}

// Snapshot gathers what invariants are asked of: all but Accepted and Published, which only the caller knows.
func (b *Bed) Snapshot(ctx context.Context) (s invariants.Snapshot, err error) {
	if s.Groups, s.NotLoaded, err = b.groups(ctx); err != nil {
		return s, err
	}
	if s.Orders, err = b.Orders(ctx); err != nil {
		return s, err
	}
	if s.Tickets, err = scan[readmodel.Ticket](ctx, b, "tickets"); err != nil {
		return s, err
	}
	if s.Allowances, err = scan[readmodel.Allowance](ctx, b, "allowances"); err != nil {
		return s, err
	}
	if s.DeadLetters, err = b.DeadLetters(ctx); err != nil {
		return s, err
	}
	concerts, err := scan[readmodel.Concert](ctx, b, "concerts")
	if err != nil {
		return s, err
	}
	s.Limits = map[string]int{}
	for _, c := range concerts {
		if c.LimitPerBuyer > 0 {
			s.Limits[c.ConcertID] = c.LimitPerBuyer
		}
	}
	specification, err := topology.Load()
	if err != nil {
		return s, err
	}
	for _, q := range specification.Queues {
		if q.DeadLetterQueue != "" {
			n, err := b.Waiting(ctx, q.DeadLetterQueue)
			if err != nil {
				return s, err
			}
			s.Dead += n
		}
	}
	if s.Effects, err = b.Effects(ctx); err != nil {
		return s, err
	}
	s.At = contracts.InstantOf(time.Now())
	return s, nil
}

// Layout is the seating plan of a concert, as the API shows it.
func (b *Bed) Layout(ctx context.Context, concert string) (l apiclient.Layout, err error) {
	anyone, err := b.Buyer("")
	if err != nil {
		return l, err
	}
	return l, anyone.Get(ctx, "/concerts/"+concert+"/layout", &l)
}

// groups are the groups of both sample concerts, as the API shows them.
func (b *Bed) groups(ctx context.Context) (groups []invariants.Group, notLoaded []contracts.SeatGroup, err error) {
	anyone, err := b.Buyer("")
	if err != nil {
		return nil, nil, err
	}
	for _, concert := range []string{b.Concert, b.Arena} {
		layout, err := b.Layout(ctx, concert)
		if err != nil {
			return nil, nil, err
		}
		var now apiclient.Availability
		if err := anyone.Get(ctx, "/concerts/"+concert+"/availability", &now); err != nil {
			return nil, nil, err
		}
		for i, g := range layout.Groups {
			key := contracts.SeatGroup{ConcertID: concert, Group: g.Group}
			if now.Groups[i].State != "ready" {
				notLoaded = append(notLoaded, key)
				continue
			}
			groups = append(groups, invariants.Group{SeatGroup: key, Seats: g.Seats, Map: now.Groups[i].Seats})
		}
	}
	return groups, notLoaded, nil
}
