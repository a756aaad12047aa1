// Package dynamoorder keeps orders in DynamoDB: it fills the ports of reserve, expire and rebuild. One file an
// operation: put, update, read, open, tickets, ticketcounts, tokens.
//
// Every read that decides something is consistent. Every write is conditional, and a refused condition is an answer,
// never an error and never a failure for the breaker.
package dynamoorder

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
)

// Tables names the tables of one deployment.
type Tables struct {
	Orders     string
	Tickets    string
	Groups     string
	Allowances string
}

// timeoutPerCall bounds one call with the SDK's own retries. It leaves room for a second look within a handler's 5 s.
const timeoutPerCall = 2 * time.Second

// Store is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	tables  Tables
	breaker retry.Breaker
}

// New makes a Store. All calls go through the breaker.
func New(client *dynamodb.Client, tables Tables, breaker retry.Breaker) *Store {
	return &Store{client: client, tables: tables, breaker: breaker}
}

// call makes one call within its timeout and the breaker, which hears nothing of a conflict.
func (s *Store) call(ctx context.Context, op func(context.Context) error) error {
	var conflict error
	err := s.breaker.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timeoutPerCall)
		defer cancel()
		err := op(ctx)
		if conflicted(err) {
			conflict = err
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return conflict
}

func orderKey(id contracts.OrderID) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"orderId": &types.AttributeValueMemberS{Value: string(id)}}
}

func encode(o order.Order) (map[string]types.AttributeValue, error) {
	item, err := attributevalue.MarshalMap(o.Order)
	if err != nil {
		return nil, fmt.Errorf("encode order %s: %w", o.OrderID, err)
	}
	return item, nil
}

func decode(item map[string]types.AttributeValue) (order.Order, error) {
	var o order.Order
	if err := attributevalue.UnmarshalMap(item, &o.Order); err != nil {
		return order.Order{}, fmt.Errorf("%w: decode: %w", order.ErrUnreadable, err)
	}
	return o, nil
}
