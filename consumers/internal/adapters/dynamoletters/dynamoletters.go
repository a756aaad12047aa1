// Package dynamoletters keeps dead letters in DynamoDB: drained messages, and events that the bus will not take.
package dynamoletters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/awsclient"
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

// New makes a Store. The breaker should count as Healthy says.
func New(client *dynamodb.Client, table string, breaker retry.Breaker) *Store {
	return &Store{client: client, table: table, breaker: breaker}
}

// reasonRefused is the reason of a letter that the table will not take.
const reasonRefused = "letter_refused"

// finalCodes are of items that are at fault themselves: the same item would be refused again.
var finalCodes = map[string]bool{"ValidationException": true, "SerializationException": true, "ItemCollectionSizeLimitExceededException": true}

// Healthy is the IsSuccessful of a breaker around the table: an item that is refused for what is in it shows a table in good
// health.
func Healthy(err error) bool { return err == nil || retry.Classify(err).Class == retry.ClassPoison }

// Keep writes a letter under its key; the same again is the same letter. A letter that the table refuses for what is in it
// is a *retry.PoisonError; any other error may pass later.
func (s *Store) Keep(ctx context.Context, letter readmodel.DeadLetter) error {
	item, err := attributevalue.MarshalMap(letter)
	if err != nil {
		return &retry.PoisonError{Reason: reasonRefused, Err: fmt.Errorf("encode dead letter: %w", err)}
	}
	return s.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Try(ctx, timeoutPerCall, func(ctx context.Context) error {
			_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.table), Item: item})
			var coded interface{ ErrorCode() string }
			if errors.As(err, &coded) && finalCodes[coded.ErrorCode()] {
				return &retry.PoisonError{Reason: reasonRefused, Err: fmt.Errorf("keep %s: %w", letter.MessageKey, err)}
			}
			if err != nil {
				return fmt.Errorf("keep %s: %w", letter.MessageKey, err)
			}
			return nil
		})
	})
}
