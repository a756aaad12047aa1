// Package dynamoledger stores the state of the ledger check in DynamoDB, in the table of dead letters: up to when
// comparisons were requested, and which differences were reported.
package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 2 * time.Second

// Store holds the state of the ledger check. It is safe for concurrent use; each call blocks for at most 2 s.
type Store struct {
	client  *dynamodb.Client
	table   string
	breaker retry.Breaker
}

// New makes a Store.
func New(client *dynamodb.Client, table string, breaker retry.Breaker) *Store {
	return &Store{client: client, table: table, breaker: breaker}
}

// Known implements pay.Notes with a consistent read.
func (s *Store) Known(ctx context.Context, key string) (bool, error) {
	item, err := s.get(ctx, key)
	return item != nil, err
}

// Note implements pay.Notes. It is safe to repeat.
func (s *Store) Note(ctx context.Context, n readmodel.LedgerNote) error {
	return s.put(ctx, n, "", nil)
}

// Cursor implements reconcile.LedgerCursor with a consistent read.
func (s *Store) Cursor(ctx context.Context) (c readmodel.LedgerCursor, err error) {
	item, err := s.get(ctx, readmodel.LedgerCursorKey)
	if err != nil || item == nil {
		return c, err
	}
	if err := attributevalue.UnmarshalMap(item, &c); err != nil {
		return c, fmt.Errorf("decode %s: %w", readmodel.LedgerCursorKey, err)
	}
	return c, nil
}

// MoveCursor implements reconcile.LedgerCursor. Its condition stops a late run from moving the cursor back; that is no
// error.
func (s *Store) MoveCursor(ctx context.Context, to readmodel.LedgerCursor) error {
	before, err := attributevalue.Marshal(to.SlicesTo)
	if err != nil {
		return fmt.Errorf("encode %s: %w", readmodel.LedgerCursorKey, err)
	}
	return s.put(ctx, to, "attribute_not_exists(messageKey) OR slicesTo <= :to", map[string]types.AttributeValue{":to": before})
}

func (s *Store) get(ctx context.Context, key string) (item map[string]types.AttributeValue, err error) {
	err = s.call(ctx, func(ctx context.Context) error {
		out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String(s.table), ConsistentRead: aws.Bool(true),
			Key: map[string]types.AttributeValue{"messageKey": &types.AttributeValueMemberS{Value: key}},
		})
		if err != nil {
			return err
		}
		item = out.Item
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return item, nil
}

// put writes a row. A refused condition is not an error.
func (s *Store) put(ctx context.Context, row any, condition string, values map[string]types.AttributeValue) error {
	item, err := attributevalue.MarshalMap(row)
	if err != nil {
		return fmt.Errorf("encode %T: %w", row, err)
	}
	in := &dynamodb.PutItemInput{TableName: aws.String(s.table), Item: item, ExpressionAttributeValues: values}
	if condition != "" {
		in.ConditionExpression = aws.String(condition)
	}
	err = s.call(ctx, func(ctx context.Context) error {
		_, err := s.client.PutItem(ctx, in)
		var refused *types.ConditionalCheckFailedException
		if errors.As(err, &refused) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write %T: %w", row, err)
	}
	return nil
}

// call makes one call through the breaker, bounded by timeoutPerCall. Each call may be repeated: a note is written twice
// with the same content, and a second attempt leaves a moved cursor where it is.
func (s *Store) call(ctx context.Context, op func(context.Context) error) error {
	return s.breaker.Do(ctx, func(ctx context.Context) error { return awsclient.Try(ctx, timeoutPerCall, op) })
}
