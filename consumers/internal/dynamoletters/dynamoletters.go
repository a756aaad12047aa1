// Package dynamoletters keeps drained dead letters in DynamoDB.
package dynamoletters

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/awsclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 2 * time.Second

// Store is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	table   string
	breaker retry.Breaker
}

// New makes a Store.
func New(client *dynamodb.Client, table string, breaker retry.Breaker) *Store {
	return &Store{client: client, table: table, breaker: breaker}
}

// Keep writes a letter under its message's id; the same again is the same letter.
func (s *Store) Keep(ctx context.Context, letter readmodel.DeadLetter) error {
	item, err := attributevalue.MarshalMap(letter)
	if err != nil {
		return fmt.Errorf("encode dead letter: %w", err)
	}
	return s.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Try(ctx, timeoutPerCall, func(ctx context.Context) error {
			_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.table), Item: item})
			return err
		})
	})
}
