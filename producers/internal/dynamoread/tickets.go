package dynamoread

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
)

// Person reads the name and the locale of an account and nothing else of it, not consistently: a new name may be missing for a
// second.
func (r *Reader) Person(ctx context.Context, userID string) (person readmodel.Person, found bool, err error) {
	var out *dynamodb.GetItemOutput
	err = r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
		out, err = r.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String(r.tables.Users), Key: map[string]types.AttributeValue{"accountItem": &types.AttributeValueMemberS{Value: readmodel.UserItem(userID)}},
			ProjectionExpression: aws.String("#name, #locale"), ExpressionAttributeNames: map[string]string{"#name": "name", "#locale": "locale"},
		})
		return err
	})
	if err != nil || out.Item == nil {
		return person, false, wrapped("read a person", err)
	}
	return person, true, wrapped("decode a person", attributevalue.UnmarshalMap(out.Item, &person))
}

func wrapped(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Revocations reads all rows of a concert, consistently: a gate that has fetched a list after a refund knows of it. It reads pages of
// 1 MB, and stops with ticketcode.ErrTooManyRevoked once the rows have more than maxBytes of codes.
func (r *Reader) Revocations(ctx context.Context, concertID string, maxBytes int) ([]readmodel.Revocation, error) {
	in := &dynamodb.QueryInput{
		TableName: aws.String(r.tables.Revocations), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("concertId = :concert"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":concert": &types.AttributeValueMemberS{Value: concertID}},
	}
	var rows []readmodel.Revocation
	bytes := 0
	for {
		var out *dynamodb.QueryOutput
		err := r.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
			out, err = r.client.Query(ctx, in)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read revocations of %s: %w", concertID, err)
		}
		var page []readmodel.Revocation
		if err := attributevalue.UnmarshalListOfMaps(out.Items, &page); err != nil {
			return nil, fmt.Errorf("decode revocations of %s: %w", concertID, err)
		}
		for _, row := range page {
			bytes += len(row.Codes)
		}
		if bytes > maxBytes {
			return nil, fmt.Errorf("read revocations of %s: %w", concertID, ticketcode.ErrTooManyRevoked)
		}
		rows = append(rows, page...)
		if out.LastEvaluatedKey == nil {
			return rows, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
