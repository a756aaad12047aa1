// Package dynamoattempts implements sqsbatch.Attempts in DynamoDB: one row a message in the table of dead letters. The row
// exists while an attempt is running, and stays after an attempt that crashed.
package dynamoattempts

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
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// timeoutPerCall bounds one call. A note is written before the handler's own work, so it must leave most of the 5 s to the
// handler.
const timeoutPerCall = time.Second

// Client is the part of *dynamodb.Client that is used.
type Client interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// Notes stores the attempts at messages. It is safe for concurrent use.
type Notes struct {
	client  Client
	table   string
	breaker retry.Breaker
}

// New makes Notes in the table of dead letters. Begin goes through the breaker, End does not.
func New(client Client, table string, breaker retry.Breaker) *Notes {
	return &Notes{client: client, table: table, breaker: breaker}
}

// Begin counts an attempt at a message and returns when the earlier ones began; a zero time for one that an older program
// counted. It blocks for at most 1 s. Neither of its calls is repeated, unlike those of other adapters: a first try whose
// answer was lost would count as a crashed attempt. The message is redelivered instead.
//
// The read comes first, and its result is not used: only a table that has just answered is written to. When requests still
// have their effect and every answer is lost, each delivery would otherwise leave a note, with the breaker open before the
// note can be deleted, and an outage of seconds would make healthy messages poison. An error of the read wraps
// sqsbatch.ErrNotNoted: nothing was written.
func (n *Notes) Begin(ctx context.Context, messageID string, at time.Time) (before []time.Time, err error) {
	var out *dynamodb.UpdateItemOutput
	err = n.breaker.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timeoutPerCall)
		defer cancel()
		if err := awsclient.Once(ctx, timeoutPerCall, func(ctx context.Context) error {
			_, err := n.client.GetItem(ctx, &dynamodb.GetItemInput{
				TableName: aws.String(n.table), Key: key(messageID), ProjectionExpression: aws.String("attempts"),
			}, once)
			return err
		}); err != nil {
			return fmt.Errorf("%w: %w", sqsbatch.ErrNotNoted, err)
		}
		return awsclient.Once(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
			out, err = n.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName:        aws.String(n.table),
				Key:              key(messageID),
				UpdateExpression: aws.String("ADD attempts :one SET expiresAt = :then, begunAt = list_append(if_not_exists(begunAt, :none), :at)"),
				ExpressionAttributeValues: map[string]types.AttributeValue{
					":one":  number(1),
					":then": number(at.Add(readmodel.AttemptsKept).Unix()),
					":none": &types.AttributeValueMemberL{},
					":at":   &types.AttributeValueMemberL{Value: []types.AttributeValue{number(int64(contracts.InstantOf(at)))}},
				},
				ReturnValues: types.ReturnValueUpdatedNew,
			}, once)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("begin attempt at %s: %w", messageID, err)
	}
	var row readmodel.DeadLetter
	if err := attributevalue.UnmarshalMap(out.Attributes, &row); err != nil {
		return nil, fmt.Errorf("begin attempt at %s: %w", messageID, err)
	}
	// The last instant is this attempt's. An older program counts attempts without an instant: their times stay zero.
	before = make([]time.Time, max(row.Attempts-1, 0))
	for i := 1; i < len(row.BegunAt) && i <= len(before); i++ {
		before[len(before)-i] = row.BegunAt[len(row.BegunAt)-1-i].Time()
	}
	return before, nil
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// once stops the SDK from repeating a call, whatever the client's configuration says.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

// End deletes the note of a message, if there is one. It does not go through the breaker, because the attempt that ends now
// may be the one that opened it. A note that stays looks like a crash, so End makes up to four attempts, in 1 s in all.
// There is at most one End for each Begin that the breaker let through.
func (n *Notes) End(ctx context.Context, messageID string) error {
	err := retry.Past(ctx, n.breaker, func(ctx context.Context) error {
		return awsclient.Insist(ctx, timeoutPerCall, func(ctx context.Context) error {
			_, err := n.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(n.table), Key: key(messageID)})
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("end attempt at %s: %w", messageID, err)
	}
	return nil
}

func key(messageID string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"messageKey": &types.AttributeValueMemberS{Value: readmodel.AttemptsKey(messageID)}}
}
