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
	"boxoffice/contracts/frame"
	"boxoffice/contracts/readmodel"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 1500 * time.Millisecond

// maxConnections bounds how many connections of a buyer are read, the newest first: a buyer has a few devices with a few tabs.
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
	var out *dynamodb.QueryOutput
	oldest := s.now().Add(-frame.Life - time.Minute).UnixMilli()
	err := s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.Query(ctx, &dynamodb.QueryInput{
			TableName: aws.String(s.table), IndexName: aws.String(readmodel.IndexConnectionsOfAccount),
			KeyConditionExpression: aws.String("userId = :user AND connectedAt > :oldest"),
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":user":   &types.AttributeValueMemberS{Value: userID},
				":oldest": &types.AttributeValueMemberN{Value: strconv.FormatInt(oldest, 10)},
			},
			ScanIndexForward: aws.Bool(false), Limit: aws.Int32(maxConnections),
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the connections of account %s: %w", userID, err)
	}
	var connections []readmodel.Connection
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &connections); err != nil {
		return nil, fmt.Errorf("read the connections of account %s: %w", userID, err)
	}
	return connections, nil
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
