// Package dynamosent stores in DynamoDB which mails and frames were sent, by the logical ids of their effects. Every change has a
// condition, so that of two functions with the same effect only one makes it.
package dynamosent

import (
	"context"
	"errors"
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
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 1500 * time.Millisecond

// Store is the table. It is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	table   string
	breaker retry.Breaker
}

var _ notify.Sent = (*Store)(nil)

// New makes a Store.
func New(client *dynamodb.Client, table string, breaker retry.Breaker) *Store {
	return &Store{client: client, table: table, breaker: breaker}
}

// values are the values of an expression, by their names with the colon.
type values map[string]types.AttributeValue

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func key(effect string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"effect": text(effect)}
}

// names are those of attributes that are reserved words.
var names = map[string]string{"#state": "state"}

// Claim implements notify.Sent.
func (s *Store) Claim(ctx context.Context, effect string, now, leaseEndsAt contracts.Instant, expiresAt time.Time) (notify.Claim, error) {
	old, refused, err := s.update(ctx, &dynamodb.UpdateItemInput{
		Key:                       key(effect),
		UpdateExpression:          aws.String("SET #state = :claimed, leaseEndsAt = :end, expiresAt = :expires"),
		ConditionExpression:       aws.String("attribute_not_exists(effect) OR (#state = :claimed AND leaseEndsAt <= :now)"),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values{":claimed": text(readmodel.SentClaimed), ":end": number(int64(leaseEndsAt)), ":expires": number(expiresAt.Unix()), ":now": number(int64(now))},
	})
	switch {
	case err != nil:
		return notify.Claim{}, err
	case !refused:
		return notify.Claim{State: notify.Claimed}, nil
	case old.State == readmodel.SentDone:
		return notify.Claim{State: notify.ClaimDone}, nil
	default:
		return notify.Claim{State: notify.ClaimTaken, Until: old.LeaseEndsAt}, nil
	}
}

// Done implements notify.Sent.
func (s *Store) Done(ctx context.Context, effect string, expiresAt time.Time) error {
	_, _, err := s.update(ctx, &dynamodb.UpdateItemInput{
		Key:                       key(effect),
		UpdateExpression:          aws.String("SET #state = :sent, expiresAt = :expires REMOVE leaseEndsAt"),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values{":sent": text(readmodel.SentDone), ":expires": number(expiresAt.Unix())},
	})
	return err
}

// Release implements notify.Sent.
func (s *Store) Release(ctx context.Context, effect string) error {
	return s.delete(ctx, &dynamodb.DeleteItemInput{
		Key: key(effect), ConditionExpression: aws.String("#state = :claimed"), ExpressionAttributeNames: names,
		ExpressionAttributeValues: values{":claimed": text(readmodel.SentClaimed)},
	})
}

// Raise implements notify.Sent. If the response of the first attempt is lost, the second finds its effect and returns false: the
// frame is lost, as the port allows.
func (s *Store) Raise(ctx context.Context, effect string, version int, expiresAt time.Time) (before int, raised bool, err error) {
	old, refused, err := s.update(ctx, &dynamodb.UpdateItemInput{
		Key:                       key(effect),
		UpdateExpression:          aws.String("SET version = :version, expiresAt = :expires"),
		ConditionExpression:       aws.String("attribute_not_exists(effect) OR version < :version"),
		ExpressionAttributeValues: values{":version": number(int64(version)), ":expires": number(expiresAt.Unix())},
		ReturnValues:              types.ReturnValueUpdatedOld,
	})
	if err != nil || refused {
		return 0, false, err
	}
	return old.Version, true, nil
}

// Lower implements notify.Sent.
func (s *Store) Lower(ctx context.Context, effect string, version, before int) error {
	condition := aws.String("version = :version")
	if before == 0 {
		return s.delete(ctx, &dynamodb.DeleteItemInput{
			Key: key(effect), ConditionExpression: condition, ExpressionAttributeValues: values{":version": number(int64(version))},
		})
	}
	_, _, err := s.update(ctx, &dynamodb.UpdateItemInput{
		Key: key(effect), UpdateExpression: aws.String("SET version = :before"), ConditionExpression: condition,
		ExpressionAttributeValues: values{":version": number(int64(version)), ":before": number(int64(before))},
	})
	return err
}

// Stop implements notify.Sent. The item has no end.
func (s *Store) Stop(ctx context.Context, userID string, reason message.MailStop, at contracts.Instant) error {
	_, _, err := s.update(ctx, &dynamodb.UpdateItemInput{
		Key:                       key(readmodel.StopEffect(userID)),
		UpdateExpression:          aws.String("SET reason = :reason, #at = :at"),
		ConditionExpression:       aws.String("attribute_not_exists(effect)"),
		ExpressionAttributeNames:  map[string]string{"#at": "at"},
		ExpressionAttributeValues: values{":reason": text(string(reason)), ":at": number(int64(at))},
	})
	return err
}

// Stopped implements notify.Sent.
func (s *Store) Stopped(ctx context.Context, userID string) (message.MailStop, error) {
	var out *dynamodb.GetItemOutput
	err := s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(s.table), Key: key(readmodel.StopEffect(userID)), ConsistentRead: aws.Bool(true)})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read whether mails are stopped: %w", err)
	}
	var item readmodel.Sent
	if err := attributevalue.UnmarshalMap(out.Item, &item); err != nil {
		return "", fmt.Errorf("read whether mails are stopped: %w", err)
	}
	return message.MailStop(item.Reason), nil
}

// update updates an item. refused says that the condition was not true of old. Otherwise old has what in asks for in ReturnValues.
func (s *Store) update(ctx context.Context, in *dynamodb.UpdateItemInput) (old readmodel.Sent, refused bool, err error) {
	in.TableName = aws.String(s.table)
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	var (
		out    *dynamodb.UpdateItemOutput
		failed *types.ConditionalCheckFailedException
	)
	err = s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.UpdateItem(ctx, in)
		if errors.As(err, &failed) {
			return nil // a refused condition is an answer, for the breaker too
		}
		return err
	})
	if err != nil {
		return old, false, fmt.Errorf("update an effect: %w", err)
	}
	var item map[string]types.AttributeValue
	if refused = failed != nil; refused {
		item = failed.Item
	} else {
		item = out.Attributes
	}
	if err := attributevalue.UnmarshalMap(item, &old); err != nil {
		return old, refused, fmt.Errorf("read an effect: %w", err)
	}
	return old, refused, nil
}

// delete deletes an item of which a condition is true, if there is one.
func (s *Store) delete(ctx context.Context, in *dynamodb.DeleteItemInput) error {
	in.TableName = aws.String(s.table)
	var failed *types.ConditionalCheckFailedException
	err := s.call(ctx, func(ctx context.Context) error {
		_, err := s.client.DeleteItem(ctx, in)
		if errors.As(err, &failed) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete an effect: %w", err)
	}
	return nil
}

func (s *Store) call(ctx context.Context, op func(context.Context) error) error {
	return s.breaker.Do(ctx, func(ctx context.Context) error { return awsclient.Try(ctx, timeoutPerCall, op) })
}
