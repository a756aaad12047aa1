// Package dynamoread reads DynamoDB for the producers, which write nothing: rows of orders, concerts and layouts.
package dynamoread

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/breaker"
)

// Tables names the tables of one deployment.
type Tables struct {
	Orders   string
	Concerts string
	Layouts  string
}

// timeoutPerCall bounds one read with the SDK's own retries; a client waits for it.
const timeoutPerCall = 2 * time.Second

// Reader is safe for concurrent use.
type Reader struct {
	client  *dynamodb.Client
	tables  Tables
	breaker *breaker.Breaker
}

// New makes a Reader.
func New(client *dynamodb.Client, tables Tables) *Reader {
	return &Reader{client: client, tables: tables, breaker: breaker.New("dynamodb")}
}

// Order is a consistent read of an order's row, so that no client sees it go backwards.
func (r *Reader) Order(ctx context.Context, id contracts.OrderID) (row readmodel.Order, found bool, err error) {
	found, err = r.get(ctx, r.tables.Orders, "orderId", string(id), &row)
	if err != nil {
		return readmodel.Order{}, false, fmt.Errorf("read order %s: %w", id, err)
	}
	return row, found, nil
}

// Concert is a consistent read of a concert.
func (r *Reader) Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error) {
	found, err = r.get(ctx, r.tables.Concerts, "concertId", concertID, &concert)
	if err != nil {
		return readmodel.Concert{}, false, fmt.Errorf("read concert %s: %w", concertID, err)
	}
	return concert, found, nil
}

// Concerts reads all concerts, in no order. There are some hundreds at most; answers are kept by the caller.
func (r *Reader) Concerts(ctx context.Context) ([]readmodel.Concert, error) {
	var concerts []readmodel.Concert
	in := &dynamodb.ScanInput{TableName: aws.String(r.tables.Concerts)}
	for {
		var out *dynamodb.ScanOutput
		err := r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
			out, err = r.client.Scan(ctx, in)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read concerts: %w", err)
		}
		var page []readmodel.Concert
		if err := attributevalue.UnmarshalListOfMaps(out.Items, &page); err != nil {
			return nil, fmt.Errorf("decode concerts: %w", err)
		}
		concerts = append(concerts, page...)
		if out.LastEvaluatedKey == nil {
			return concerts, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Layout reads all groups of a layout version, in no order; none if there is no such layout. An arena takes several
// pages of 1 MB.
func (r *Reader) Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error) {
	var groups []readmodel.LayoutGroup
	in := &dynamodb.QueryInput{
		TableName:              aws.String(r.tables.Layouts),
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("concertLayout = :layout"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":layout": &types.AttributeValueMemberS{Value: readmodel.LayoutKey(concertID, version)},
		},
	}
	for {
		var out *dynamodb.QueryOutput
		err := r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
			out, err = r.client.Query(ctx, in)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read layout %d of %s: %w", version, concertID, err)
		}
		var page []readmodel.LayoutGroup
		if err := attributevalue.UnmarshalListOfMaps(out.Items, &page); err != nil {
			return nil, fmt.Errorf("decode layout: %w", err)
		}
		groups = append(groups, page...)
		if out.LastEvaluatedKey == nil {
			return groups, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func (r *Reader) get(ctx context.Context, table, key, value string, into any) (found bool, err error) {
	var out *dynamodb.GetItemOutput
	err = r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = r.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String(table), ConsistentRead: aws.Bool(true),
			Key: map[string]types.AttributeValue{key: &types.AttributeValueMemberS{Value: value}},
		})
		return err
	})
	if err != nil || out.Item == nil {
		return false, err
	}
	return true, attributevalue.UnmarshalMap(out.Item, into)
}
