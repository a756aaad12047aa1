// Package dynamoconnections stores open connections and used tickets in DynamoDB. Each call takes at most 2 s; while DynamoDB fails, a
// breaker refuses calls at once.
package dynamoconnections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/breaker"
	"boxoffice/producers/internal/connections"
)

// timeoutPerCall bounds one call with the SDK's own retries.
const timeoutPerCall = 2 * time.Second

// Store is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	table   string
	breaker *breaker.Breaker
}

var _ connections.Store = (*Store)(nil)

// New makes a Store of a table.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{client: client, table: table, breaker: breaker.ForAWS("dynamodb")}
}

// Open implements connections.Store by one transaction. The SDK gives the tries of one call the same token, so that a try after a lost
// answer does not find its own mark.
func (s *Store) Open(ctx context.Context, c readmodel.Connection, nonce string, markEnds time.Time) (used bool, err error) {
	mark, err := attributevalue.MarshalMap(readmodel.Connection{ConnectionID: readmodel.UsedTicket(nonce), ExpiresAt: markEnds.Unix()})
	if err != nil {
		return false, fmt.Errorf("open a connection: %w", err)
	}
	item, err := attributevalue.MarshalMap(c)
	if err != nil {
		return false, fmt.Errorf("open a connection: %w", err)
	}
	err = s.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) error {
		_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: aws.String(s.table), Item: mark, ConditionExpression: aws.String("attribute_not_exists(connectionId)")}},
			{Put: &types.Put{TableName: aws.String(s.table), Item: item}},
		}})
		return err
	})
	if err != nil && isUsed(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("open a connection: %w", err)
	}
	return false, nil
}

// isUsed reports whether the condition of the mark failed, and nothing else: a conflict with another transaction, such as of the same
// ticket at the same time, says nothing about the mark.
func isUsed(err error) bool {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || len(cancelled.CancellationReasons) == 0 {
		return false
	}
	return aws.ToString(cancelled.CancellationReasons[0].Code) == "ConditionalCheckFailed"
}

// Close implements connections.Store.
func (s *Store) Close(ctx context.Context, connectionID string) error {
	err := s.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) error {
		_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: aws.String(s.table), Key: map[string]types.AttributeValue{"connectionId": &types.AttributeValueMemberS{Value: connectionID}},
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("close a connection: %w", err)
	}
	return nil
}
