// Package dynamoconnection reads which connections a buyer has, and deletes those that are gone.
package dynamoconnection

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/frame"
	"boxoffice/contracts/readmodel"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 1500 * time.Millisecond

// maxConnections bounds how many connections of a buyer get frames, the newest first: a buyer has a few devices with a few tabs.
const maxConnections = 100

// Store is the table of connections. It is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	table   string
	breaker retry.Breaker
	now     func() time.Time
}

var _ notify.Connections = (*Store)(nil)

// New makes a Store.
func New(client *dynamodb.Client, table string, breaker retry.Breaker, now func() time.Time) *Store {
	return &Store{client: client, table: table, breaker: breaker, now: now}
}

// Of implements notify.Connections. It leaves out connections that are older than one can be: their items are not deleted yet.
func (s *Store) Of(ctx context.Context, userID string) ([]readmodel.Connection, error) {
	connections, _, err := s.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("userId = :user AND connectedAt >= :oldest"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":user": text(userID), ":oldest": number(s.oldest())},
		ScanIndexForward:          aws.Bool(false), Limit: aws.Int32(maxConnections),
	})
	if err != nil {
		return nil, fmt.Errorf("read the connections of account %s: %w", userID, err)
	}
	return connections, nil
}

// Until implements notify.Connections. It reads page by page until the end, or until ctx ends.
func (s *Store) Until(ctx context.Context, userID string, until contracts.Instant) (all []readmodel.Connection, err error) {
	oldest := s.oldest()
	if int64(until) < oldest {
		return nil, nil // DynamoDB refuses such a range
	}
	var next map[string]types.AttributeValue
	for {
		var page []readmodel.Connection
		page, next, err = s.query(ctx, &dynamodb.QueryInput{
			KeyConditionExpression:    aws.String("userId = :user AND connectedAt BETWEEN :oldest AND :until"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":user": text(userID), ":oldest": number(oldest), ":until": number(int64(until))},
			ExclusiveStartKey:         next,
		})
		if err != nil {
			return nil, fmt.Errorf("read the connections of account %s: %w", userID, err)
		}
		all = append(all, page...)
		if len(next) == 0 {
			return all, nil
		}
	}
}

// oldest returns when a connection that can still be open was opened at the earliest, in milliseconds.
func (s *Store) oldest() int64 { return s.now().Add(-frame.Life - time.Minute).UnixMilli() }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// query reads a page of the index of connections by account. next is where the next page starts, nil after the last.
func (s *Store) query(ctx context.Context, in *dynamodb.QueryInput) (page []readmodel.Connection, next map[string]types.AttributeValue, err error) {
	in.TableName, in.IndexName = aws.String(s.table), aws.String(readmodel.IndexConnectionsOfAccount)
	var out *dynamodb.QueryOutput
	err = s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.Query(ctx, in)
		return err
	})
	if err == nil {
		err = attributevalue.UnmarshalListOfMaps(out.Items, &page)
	}
	if err != nil {
		return nil, nil, err
	}
	return page, out.LastEvaluatedKey, nil
}

// Forget implements notify.Connections.
func (s *Store) Forget(ctx context.Context, connectionID string) error {
	err := s.call(ctx, func(ctx context.Context) error {
		_, err := s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: aws.String(s.table), Key: map[string]types.AttributeValue{"connectionId": &types.AttributeValueMemberS{Value: connectionID}},
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("delete a connection: %w", err)
	}
	return nil
}

func (s *Store) call(ctx context.Context, op func(context.Context) error) error {
	return s.breaker.Do(ctx, func(ctx context.Context) error { return awsclient.Try(ctx, timeoutPerCall, op) })
}
