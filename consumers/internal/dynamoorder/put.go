package dynamoorder

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
)

// PutIfAbsent writes the first version of a row. A refusal answers the stored row, in the same call. A refused call
// may be the SDK's own repeat of one that succeeded, so the caller compares the stored row with what it wanted.
func (s *Store) PutIfAbsent(ctx context.Context, o order.Order) (stored order.Order, done bool, err error) {
	item, err := encode(o)
	if err != nil {
		return order.Order{}, false, err
	}
	var refused *types.ConditionalCheckFailedException
	err = s.call(ctx, func(ctx context.Context) error {
		_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName:                           aws.String(s.tables.Orders),
			Item:                                item,
			ConditionExpression:                 aws.String("attribute_not_exists(orderId)"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		if errors.As(err, &refused) {
			return nil
		}
		return err
	})
	switch {
	case err != nil:
		return order.Order{}, false, fmt.Errorf("put order %s: %w", o.OrderID, err)
	case refused == nil:
		return o, true, nil
	}
	stored, err = decode(refused.Item)
	return stored, false, err
}
