package dynamoorder

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
)

// Update writes the next version of a row, if the stored one still has the status and version that after was made
// from. The whole row is written: a row is at most some 2 KB, and what was read is what was decided on.
func (s *Store) Update(ctx context.Context, before, after order.Order) (done bool, err error) {
	item, err := encode(after)
	if err != nil {
		return false, err
	}
	var refused *types.ConditionalCheckFailedException
	err = s.call(ctx, func(ctx context.Context) error {
		_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName:                aws.String(s.tables.Orders),
			Item:                     item,
			ConditionExpression:      aws.String("#version = :version AND #status = :status"),
			ExpressionAttributeNames: map[string]string{"#version": "version", "#status": "status"},
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":version": &types.AttributeValueMemberN{Value: strconv.Itoa(before.Version)},
				":status":  &types.AttributeValueMemberS{Value: string(before.Status)},
			},
		})
		if errors.As(err, &refused) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("order %s to %s: %w", after.OrderID, after.Status, err)
	}
	return refused == nil, nil
}
