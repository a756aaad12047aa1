package dynamoletters

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// List returns the keys of the letters of a list that are of an instant or later, the newest first, at most limit: fewer than fit
// into a page of DynamoDB, so one call reads them. more says that there are others. The index is a second old at most. It blocks for
// at most 2 s.
func (s *Store) List(ctx context.Context, list string, from contracts.Instant, limit int) (keys []readmodel.LetterKey, more bool, err error) {
	in := &dynamodb.QueryInput{
		TableName: aws.String(s.table), IndexName: aws.String(readmodel.IndexLetters), ScanIndexForward: aws.Bool(false),
		KeyConditionExpression: aws.String("letterList = :list AND listedAt >= :from"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":list": &types.AttributeValueMemberS{Value: list}, ":from": &types.AttributeValueMemberS{Value: readmodel.ListedFrom(from)},
		},
		Limit: aws.Int32(int32(limit) + 1), //nolint:gosec // G115: a thousand
	}
	var out *dynamodb.QueryOutput
	err = s.breaker.Do(ctx, func(ctx context.Context) error {
		return awsclient.Try(ctx, timeoutPerCall, func(ctx context.Context) (err error) {
			out, err = s.client.Query(ctx, in)
			return err
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("list %s: %w", list, err)
	}
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &keys); err != nil {
		return nil, false, fmt.Errorf("decode list %s: %w", list, err)
	}
	if more = len(keys) > limit || out.LastEvaluatedKey != nil && len(keys) == limit; len(keys) > limit {
		keys = keys[:limit]
	}
	return keys, more, nil
}
