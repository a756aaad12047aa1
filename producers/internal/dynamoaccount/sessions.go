package dynamoaccount

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// Start implements identity.Sessions.
func (s *Store) Start(ctx context.Context, session readmodel.Session) error {
	if err := s.put(ctx, s.tables.Sessions, session); err != nil {
		return fmt.Errorf("start a session: %w", err)
	}
	return nil
}

// Session implements identity.Sessions.
func (s *Store) Session(ctx context.Context, sessionID string) (session readmodel.Session, found bool, err error) {
	if found, err = s.get(ctx, s.tables.Sessions, key("sessionId", sessionID), &session); err != nil {
		return readmodel.Session{}, false, fmt.Errorf("read a session: %w", err)
	}
	return session, found, nil
}

// Rotate implements identity.Sessions.
func (s *Store) Rotate(ctx context.Context, sessionID string, from int, at contracts.Instant, expiresAt time.Time) (done bool, err error) {
	done, err = s.update(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.tables.Sessions), Key: key("sessionId", sessionID),
		UpdateExpression:    aws.String("SET generation = :next, rotatedAt = :at, expiresAt = :expires"),
		ConditionExpression: aws.String("generation = :from"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":from": number(int64(from)), ":next": number(int64(from) + 1), ":at": number(int64(at)), ":expires": number(expiresAt.Unix()),
		},
	}, nil)
	if err != nil {
		return false, fmt.Errorf("rotate a session: %w", err)
	}
	return done, nil
}

// End implements identity.Sessions.
func (s *Store) End(ctx context.Context, sessionID string) (userID string, err error) {
	var out *dynamodb.DeleteItemOutput
	err = s.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: aws.String(s.tables.Sessions), Key: key("sessionId", sessionID), ReturnValues: types.ReturnValueAllOld,
		})
		return err
	})
	var ended readmodel.Session
	if err == nil {
		err = attributevalue.UnmarshalMap(out.Attributes, &ended)
	}
	if err != nil {
		return "", fmt.Errorf("end a session: %w", err)
	}
	return ended.UserID, nil
}

// Take implements identity.Limits. A repeat of the SDK after a lost answer may count twice, which only makes a limit stricter.
func (s *Store) Take(ctx context.Context, limitKey string, limit int, expiresAt time.Time) (ok bool, err error) {
	ok, err = s.update(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.tables.Limits), Key: key("limitKey", limitKey),
		UpdateExpression:         aws.String("ADD #count :one SET expiresAt = if_not_exists(expiresAt, :expires)"),
		ConditionExpression:      aws.String("attribute_not_exists(#count) OR #count < :limit"),
		ExpressionAttributeNames: map[string]string{"#count": "count"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":one": number(1), ":limit": number(int64(limit)), ":expires": number(expiresAt.Unix()),
		},
	}, nil)
	if err != nil {
		return false, fmt.Errorf("count: %w", err)
	}
	return ok, nil
}

// Remember implements identity.Limits.
func (s *Store) Remember(ctx context.Context, limitKey string, expiresAt time.Time) error {
	if err := s.put(ctx, s.tables.Limits, readmodel.Limit{LimitKey: limitKey, ExpiresAt: expiresAt.Unix()}); err != nil {
		return fmt.Errorf("remember: %w", err)
	}
	return nil
}

// Remembered implements identity.Limits.
func (s *Store) Remembered(ctx context.Context, limitKey string, at time.Time) (bool, error) {
	var mark readmodel.Limit
	found, err := s.get(ctx, s.tables.Limits, key("limitKey", limitKey), &mark)
	if err != nil {
		return false, fmt.Errorf("look up: %w", err)
	}
	return found && at.Unix() < mark.ExpiresAt, nil
}
