// Package dynamoread reads DynamoDB for the producers: orders, allowances, concerts, layouts, free seats, and what operators see. It writes nothing. Each
// call takes at most 2 s; while DynamoDB fails, a breaker refuses calls at once.
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

// Tables has the names of the tables. Account alone needs Allowances, Sales and what operators see need
// Overview, and the dead letters DeadLetters.
type Tables struct {
	Orders      string
	Concerts    string
	Layouts     string
	Allowances  string
	Overview    string
	DeadLetters string
	// Users and Revocations are needed by Person and Revocations alone.
	Users       string
	Revocations string
}

// timeoutPerCall bounds one read with the SDK's own retries.
const timeoutPerCall = 2 * time.Second

// Reader is safe for concurrent use.
type Reader struct {
	client  *dynamodb.Client
	tables  Tables
	breaker *breaker.Breaker
}

// New makes a Reader.
func New(client *dynamodb.Client, tables Tables) *Reader {
	return &Reader{client: client, tables: tables, breaker: breaker.ForAWS("dynamodb")}
}

// Order reads an order's row, consistently, so that no client sees it go backwards.
func (r *Reader) Order(ctx context.Context, id contracts.OrderID) (row readmodel.Order, found bool, err error) {
	found, err = r.get(ctx, r.tables.Orders, "orderId", string(id), true, &row)
	if err != nil {
		return readmodel.Order{}, false, fmt.Errorf("read order %s: %w", id, err)
	}
	return row, found, nil
}

// Concert reads a concert, consistently.
func (r *Reader) Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error) {
	found, err = r.get(ctx, r.tables.Concerts, "concertId", concertID, true, &concert)
	if err != nil {
		return readmodel.Concert{}, false, fmt.Errorf("read concert %s: %w", concertID, err)
	}
	return concert, found, nil
}

// Concerts reads all concerts, in no order and not consistently. There are some hundreds at most; the caller keeps them.
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

// Sales reads the count of free seats, not consistently: it is a minute old in any case.
func (r *Reader) Sales(ctx context.Context) (sales readmodel.Sales, found bool, err error) {
	found, err = r.get(ctx, r.tables.Overview, "item", readmodel.SalesItem, false, &sales)
	if err != nil {
		return readmodel.Sales{}, false, fmt.Errorf("read the free seats: %w", err)
	}
	return sales, found, nil
}

// LayoutItem implements layoutitem.Source.
func (r *Reader) LayoutItem(ctx context.Context, key string, consistent bool) (body []byte, found bool, err error) {
	var item readmodel.LayoutItem
	if found, err = r.get(ctx, r.tables.Layouts, "layoutItem", key, consistent, &item); err != nil {
		return nil, false, fmt.Errorf("read layout item %s: %w", key, err)
	}
	return item.Body, found, nil
}

// get decodes an item into a pointer. found is false if there is none.
func (r *Reader) get(ctx context.Context, table, key, value string, consistent bool, into any) (found bool, err error) {
	item, err := r.item(ctx, table, key, value, consistent)
	if err != nil || item == nil {
		return false, err
	}
	return true, attributevalue.UnmarshalMap(item, into)
}

// item returns an item, nil if there is none.
func (r *Reader) item(ctx context.Context, table, key, value string, consistent bool) (map[string]types.AttributeValue, error) {
	var out *dynamodb.GetItemOutput
	err := r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = r.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String(table), ConsistentRead: aws.Bool(consistent),
			Key: map[string]types.AttributeValue{key: &types.AttributeValueMemberS{Value: value}},
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}
