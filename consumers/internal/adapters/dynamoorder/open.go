package dynamoorder

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// OpenIDs reads the index of orders with a due step in a group, to its last page, in no order. The index is eventually
// consistent and has keys only, so the caller must read the rows.
func (s *Store) OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error) {
	var ids []contracts.OrderID
	err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName:                 aws.String(s.tables.Orders),
		IndexName:                 aws.String(readmodel.IndexOpen),
		KeyConditionExpression:    aws.String("openGroup = :group"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":group": &types.AttributeValueMemberS{Value: g.Key()}},
		ProjectionExpression:      aws.String("orderId"),
	}, func(item map[string]types.AttributeValue) {
		if id, ok := item["orderId"].(*types.AttributeValueMemberS); ok {
			ids = append(ids, contracts.OrderID(id.Value))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("open orders of %s: %w", g.Key(), err)
	}
	return ids, nil
}

// queryAll calls take for each item of a query, page by page; each page is a call of its own.
func (s *Store) queryAll(ctx context.Context, in *dynamodb.QueryInput, take func(map[string]types.AttributeValue)) error {
	for {
		var out *dynamodb.QueryOutput
		err := s.call(ctx, func(ctx context.Context) (err error) {
			out, err = s.client.Query(ctx, in)
			return err
		})
		if err != nil {
			return err
		}
		for _, item := range out.Items {
			take(item)
		}
		if out.LastEvaluatedKey == nil {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
