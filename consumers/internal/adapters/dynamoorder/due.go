package dynamoorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// DuePage reads one page of a segment of the index of open orders, in one call. It costs as much as all keys of the page,
// due or not: the filter reduces what is sent, not what is read.
//
// Beside the due orders the filter lets pass every order that does not await payment. An order is HELD or COMMITTED for a moment
// only, so those are few; DynamoDB says how many orders it read, and all that did not pass await payment. So the orders of each
// status are counted without a further read.
func (s *Store) DuePage(ctx context.Context, scan order.DueScan) (page order.DuePage, err error) {
	in := &dynamodb.ScanInput{
		TableName: aws.String(s.tables.Orders), IndexName: aws.String(readmodel.IndexOpen),
		Segment: aws.Int32(int32(scan.Segment)), TotalSegments: aws.Int32(int32(scan.Segments)), //nolint:gosec // G115: a few
		FilterExpression:         aws.String("dueAt <= :by OR #status <> :awaiting"),
		ExpressionAttributeNames: map[string]string{"#status": "status"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":by":       &types.AttributeValueMemberN{Value: strconv.FormatInt(int64(scan.By), 10)},
			":awaiting": &types.AttributeValueMemberS{Value: string(contracts.AwaitingPayment)},
		},
		ProjectionExpression: aws.String("orderId, dueAt, #status"),
	}
	if scan.Limit > 0 {
		in.Limit = aws.Int32(int32(scan.Limit)) //nolint:gosec // G115: a page
	}
	if in.ExclusiveStartKey, err = keyOf(scan.From); err != nil {
		return page, fmt.Errorf("due orders, segment %d: %w", scan.Segment, err)
	}
	var out *dynamodb.ScanOutput
	err = s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.Scan(ctx, in)
		return err
	})
	if err != nil {
		return page, fmt.Errorf("due orders, segment %d of %d: %w", scan.Segment, scan.Segments, err)
	}
	page.Due = make([]order.Due, 0, len(out.Items))
	page.Open = map[contracts.Status]int{contracts.AwaitingPayment: int(out.ScannedCount) - len(out.Items)}
	for _, item := range out.Items {
		due, err := dueOf(item)
		if err != nil {
			return order.DuePage{}, err
		}
		page.Open[statusOf(item)]++
		if due.DueAt <= scan.By {
			page.Due = append(page.Due, due)
		}
	}
	page.Next, err = cursorOf(out.LastEvaluatedKey)
	return page, err
}

func dueOf(item map[string]types.AttributeValue) (order.Due, error) {
	id, ok := item["orderId"].(*types.AttributeValueMemberS)
	at, ok2 := item["dueAt"].(*types.AttributeValueMemberN)
	if !ok || !ok2 {
		return order.Due{}, fmt.Errorf("due orders: key %v", item)
	}
	dueAt, err := strconv.ParseInt(at.Value, 10, 64)
	if err != nil {
		return order.Due{}, fmt.Errorf("due orders: dueAt of %s: %w", id.Value, err)
	}
	return order.Due{OrderID: contracts.OrderID(id.Value), DueAt: contracts.Instant(dueAt)}, nil
}

// statusOf returns the status of an order in the index.
func statusOf(item map[string]types.AttributeValue) contracts.Status {
	status, _ := item["status"].(*types.AttributeValueMemberS)
	if status == nil {
		return ""
	}
	return contracts.Status(status.Value)
}

// cursor is where a scan of the index continues: the keys of the index and of the table. Numbers stay as they are written.
type cursor struct {
	OrderID   string `json:"orderId"`
	OpenGroup string `json:"openGroup"`
	DueAt     string `json:"dueAt"`
}

var errCursor = errors.New("not a cursor of the index of open orders")

func cursorOf(key map[string]types.AttributeValue) (string, error) {
	if key == nil {
		return "", nil
	}
	id, ok := key["orderId"].(*types.AttributeValueMemberS)
	group, ok2 := key["openGroup"].(*types.AttributeValueMemberS)
	at, ok3 := key["dueAt"].(*types.AttributeValueMemberN)
	if !ok || !ok2 || !ok3 {
		return "", fmt.Errorf("%w: %v", errCursor, key)
	}
	encoded, err := json.Marshal(cursor{OrderID: id.Value, OpenGroup: group.Value, DueAt: at.Value})
	return string(encoded), err
}

func keyOf(from string) (map[string]types.AttributeValue, error) {
	if from == "" {
		return nil, nil
	}
	var c cursor
	if err := json.Unmarshal([]byte(from), &c); err != nil {
		return nil, fmt.Errorf("%w: %q: %w", errCursor, from, err)
	}
	return map[string]types.AttributeValue{
		"orderId":   &types.AttributeValueMemberS{Value: c.OrderID},
		"openGroup": &types.AttributeValueMemberS{Value: c.OpenGroup},
		"dueAt":     &types.AttributeValueMemberN{Value: c.DueAt},
	}, nil
}
