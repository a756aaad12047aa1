// Package dynamoletters stores dead letters in DynamoDB: messages drained from dead-letter queues, and events that the bus
// refuses.
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

// Store is the table of dead letters. It is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	table   string
	breaker retry.Breaker
}

// New makes a Store. The breaker should use Healthy as its IsSuccessful.
func New(client *dynamodb.Client, table string, breaker retry.Breaker) *Store {
	return &Store{client: client, table: table, breaker: breaker}
}

// reasonRefused is the reason of a letter that the table refuses.
const reasonRefused = "letter_refused"

// finalCodes are the codes of items that are wrong in themselves: the same item would be refused again.
var finalCodes = map[string]bool{"ValidationException": true, "SerializationException": true, "ItemCollectionSizeLimitExceededException": true}

// Healthy is the IsSuccessful of a breaker before the table: a table that refuses an item for its content is healthy.
func Healthy(err error) bool { return err == nil || retry.Classify(err).Class == retry.ClassPoison }

// Keep stores a letter under its key; a repeat stores the same letter. It blocks for at most 2 s. If the table refuses the
// letter for its content, the error is a *retry.PoisonError; any other error may pass.
func (s *Store) Keep(ctx context.Context, letter readmodel.DeadLetter) error {
	item, err := attributevalue.MarshalMap(letter)
	if err != nil {
		return retry.Poison(reasonRefused, fmt.Errorf("encode dead letter: %w", err))
	}
	return s.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Try(ctx, timeoutPerCall, func(ctx context.Context) error {
			_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.table), Item: item})
			var coded interface{ ErrorCode() string }
			if errors.As(err, &coded) && finalCodes[coded.ErrorCode()] {
				return retry.Poison(reasonRefused, fmt.Errorf("keep %s: %w", letter.MessageKey, err))
			}
			if err != nil {
				return fmt.Errorf("keep %s: %w", letter.MessageKey, err)
			}
			return nil
		})
	})
}
