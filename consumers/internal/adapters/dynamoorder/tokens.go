package dynamoorder

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// NextToken adds 1 to the group's counter and returns it: a fencing token higher than every earlier one. An attempt whose
// answer is lost skips a number, which does no harm. The counter is not in Redis, where a failover could set it back.
func (s *Store) NextToken(ctx context.Context, g contracts.SeatGroup) (int64, error) {
	var out *dynamodb.UpdateItemOutput
	err := s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 aws.String(s.tables.Groups),
			Key:                       map[string]types.AttributeValue{"seatGroup": &types.AttributeValueMemberS{Value: g.Key()}},
			UpdateExpression:          aws.String("ADD #token :one"),
			ExpressionAttributeNames:  map[string]string{"#token": "token"},
			ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
			ReturnValues:              types.ReturnValueUpdatedNew,
		})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("fencing token: %w", err)
	}
	var row readmodel.Group
	if err := attributevalue.UnmarshalMap(out.Attributes, &row); err != nil {
		return 0, fmt.Errorf("fencing token: %w", err)
	}
	return row.Token, nil
}
