package testbed

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/apiclient"
)

// Order reads the row of an order.
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

// DeadLetters reads all rows of the table deadletters: the letters that reconcile has stored, attempts that never ended, and
// differences that the ledger check has reported. It leaves out the row with the progress of that check.
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

// Waiting returns the number of messages in a queue: visible, being handled, and delayed.
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

// Layout reads the seating plan of a concert from the API.
func (b *Bed) Layout(ctx context.Context, concert string) (l apiclient.Layout, err error) {
	anyone, err := b.Buyer("")
	if err != nil {
		return l, err
	}
	return l, anyone.Get(ctx, "/concerts/"+concert+"/layout", &l)
}
