// Package dynamoaccount stores accounts, their sessions, and the counters of limits in DynamoDB. Each call takes at most 2 s;
// while DynamoDB fails, a breaker refuses calls at once.
package dynamoaccount

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/producers/internal/breaker"
	"boxoffice/producers/internal/identity"
)

// Tables has the names of the tables.
type Tables struct {
	Users    string
	Sessions string
	Limits   string
}

// timeoutPerCall bounds one call with the SDK's own retries.
const timeoutPerCall = 2 * time.Second

// Store is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	tables  Tables
	breaker *breaker.Breaker
}

var (
	_ identity.Accounts = (*Store)(nil)
	_ identity.Sessions = (*Store)(nil)
	_ identity.Limits   = (*Store)(nil)
)

// New makes a Store.
func New(client *dynamodb.Client, tables Tables) *Store {
	return &Store{client: client, tables: tables, breaker: breaker.ForAWS("dynamodb")}
}

func key(name, value string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{name: text(value)}
}

func text(value string) types.AttributeValue { return &types.AttributeValueMemberS{Value: value} }

// get reads an item consistently.
func (s *Store) get(ctx context.Context, table string, itemKey map[string]types.AttributeValue, into any) (found bool, err error) {
	var out *dynamodb.GetItemOutput
	err = s.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = s.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), ConsistentRead: aws.Bool(true), Key: itemKey})
		return err
	})
	if err != nil || out.Item == nil {
		return false, err
	}
	return true, attributevalue.UnmarshalMap(out.Item, into)
}

// put stores an item, whatever was there.
func (s *Store) put(ctx context.Context, table string, item any) error {
	encoded, err := attributevalue.MarshalMap(item)
	if err != nil {
		return err
	}
	return s.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) error {
		_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(table), Item: encoded})
		return err
	})
}

// update makes one conditional update. done is false if the condition failed. into, unless nil, gets the item after the update.
func (s *Store) update(ctx context.Context, in *dynamodb.UpdateItemInput, into any) (done bool, err error) {
	if into != nil {
		in.ReturnValues = types.ReturnValueAllNew
	}
	var out *dynamodb.UpdateItemOutput
	err = s.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = s.client.UpdateItem(ctx, in)
		return err
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed):
		return false, nil
	case err != nil:
		return false, err
	case into == nil:
		return true, nil
	}
	return true, attributevalue.UnmarshalMap(out.Attributes, into)
}

// transact writes all or nothing. failed has, for each write, whether its condition failed; it is nil if all was written. Any other
// reason for a cancellation, such as another transaction at the same items, is an error.
func (s *Store) transact(ctx context.Context, writes ...types.TransactWriteItem) (failed []bool, err error) {
	err = s.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) error {
		_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
		return err
	})
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return nil, err
	}
	failed = make([]bool, len(writes))
	conditions := 0
	for i, reason := range cancelled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "ConditionalCheckFailed":
			failed[i] = true
			conditions++
		case "None", "":
		default:
			return nil, err
		}
	}
	if conditions == 0 {
		return nil, err
	}
	return failed, nil
}
