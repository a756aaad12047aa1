package dynamoread

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// batches bounds the calls for the rows of a page. DynamoDB leaves keys of a call out if their rows have more than 16 MB together
// or while it is throttled.
const batches = 4

// rowsPerBatch is how many keys BatchGetItem takes.
const rowsPerBatch = 100

var errKeysLeft = errors.New("the store left some rows out")

// OrdersOf returns at most limit of a buyer's orders, 1 to 100, the newest first, beginning after a key of the index; a key without
// an order is before all. more says whether there are others. The index has only keys, and it may be a second old: the rows are
// read by their keys, consistently, so that none is older than a buyer has seen it.
func (r *Reader) OrdersOf(ctx context.Context, userID string, after readmodel.OrderKey, limit int) (rows []readmodel.Order, more bool, err error) {
	in := &dynamodb.QueryInput{
		TableName: aws.String(r.tables.Orders), IndexName: aws.String(readmodel.IndexBuyer),
		KeyConditionExpression:    aws.String("userId = :user"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":user": &types.AttributeValueMemberS{Value: userID}},
		ScanIndexForward:          aws.Bool(false),
		// One more than is returned: so the last page is known to be the last.
		Limit: aws.Int32(int32(limit) + 1), //nolint:gosec // G115: 101 at most
	}
	if after.OrderID != "" {
		if in.ExclusiveStartKey, err = attributevalue.MarshalMap(after); err != nil {
			return nil, false, fmt.Errorf("key of the last order: %w", err)
		}
	}
	var out *dynamodb.QueryOutput
	err = r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = r.client.Query(ctx, in)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("read the index of a buyer's orders: %w", err)
	}
	var keys []readmodel.OrderKey
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &keys); err != nil {
		return nil, false, fmt.Errorf("decode the index of a buyer's orders: %w", err)
	}
	if more = len(keys) > limit; more {
		keys = keys[:limit]
	}
	byID, err := r.ordersByID(ctx, keys)
	if err != nil {
		return nil, false, fmt.Errorf("read a buyer's orders: %w", err)
	}
	for _, key := range keys {
		if row, found := byID[key.OrderID]; found {
			rows = append(rows, row)
		}
	}
	return rows, more, nil
}

// ordersByID reads at most rowsPerBatch rows, consistently.
func (r *Reader) ordersByID(ctx context.Context, keys []readmodel.OrderKey) (map[contracts.OrderID]readmodel.Order, error) {
	left := make([]map[string]types.AttributeValue, 0, min(len(keys), rowsPerBatch))
	for _, key := range keys {
		left = append(left, map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: string(key.OrderID)}})
	}
	byID := map[contracts.OrderID]readmodel.Order{}
	for n := 0; len(left) > 0; n++ {
		if n == batches {
			return nil, errKeysLeft
		}
		var out *dynamodb.BatchGetItemOutput
		err := r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
			out, err = r.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{r.tables.Orders: {ConsistentRead: aws.Bool(true), Keys: left}},
			})
			return err
		})
		if err != nil {
			return nil, err
		}
		var rows []readmodel.Order
		if err := attributevalue.UnmarshalListOfMaps(out.Responses[r.tables.Orders], &rows); err != nil {
			return nil, err
		}
		for _, row := range rows {
			byID[row.OrderID] = row
		}
		left = out.UnprocessedKeys[r.tables.Orders].Keys
	}
	return byID, nil
}
