// Package dynamoorder stores orders in DynamoDB. It implements the ports of reserve, expire, rebuild and reconcile, one
// operation a file: put, update, read, open, due, tickets, ticketcounts, tokens.
//
// Every read that decides something is consistent. Every write is conditional. A refused condition is a result, never an
// error and never a failure for the breaker.
package dynamoorder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
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
	// Revocations is needed only by functions that withdraw or re-key tickets.
	Revocations string
}

// timeoutPerCall bounds one call with its second attempt. It leaves time for a second read within a handler's 5 s.
const timeoutPerCall = 2 * time.Second

// Store is the tables of one deployment. It is safe for concurrent use. A method blocks for at most 2 s for each call that
// it makes; after an error of a write the result is unknown.
type Store struct {
	client  *dynamodb.Client
	tables  Tables
	breaker retry.Breaker
	// newToken makes the ClientRequestToken of a transaction.
	newToken func() string
}

// New makes a Store. All calls go through the breaker.
func New(client *dynamodb.Client, tables Tables, breaker retry.Breaker) *Store {
	return &Store{client: client, tables: tables, breaker: breaker, newToken: rand.Text}
}

// call makes one call through the breaker, bounded by timeoutPerCall. A refused condition and a conflict do not count as
// failures for the breaker: the tables are healthy. op must be safe to repeat, as awsclient.Try says.
func (s *Store) call(ctx context.Context, op func(context.Context) error) error {
	var answer error
	err := s.breaker.Do(ctx, func(ctx context.Context) error {
		err := awsclient.Try(ctx, timeoutPerCall, op)
		if answered(err) {
			answer = err
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return answer
}

// answered reports whether an error is an answer of healthy tables.
func answered(err error) bool {
	var refused *types.ConditionalCheckFailedException
	return errors.As(err, &refused) || conflicted(err)
}

// transaction writes all items or none. Both attempts have one token: if the first had its effect and its answer was lost,
// the second returns the first's result and changes nothing.
func (s *Store) transaction(items []types.TransactWriteItem) func(ctx context.Context) error {
	token := s.newToken()
	return func(ctx context.Context) error {
		_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: &token})
		return err
	}
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
	o.Rest = restOf(item)
	return o, nil
}
