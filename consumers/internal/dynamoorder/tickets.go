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

// Tickets is a consistent read of all tickets of a group: seat name to owner.
func (s *Store) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	owners := map[string]contracts.OrderID{}
	var bad error
	err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName:                 aws.String(s.tables.Tickets),
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("seatGroup = :group"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":group": &types.AttributeValueMemberS{Value: g.Key()}},
	}, func(item map[string]types.AttributeValue) {
		var t readmodel.Ticket
		if err := attributevalue.UnmarshalMap(item, &t); err != nil {
			bad = fmt.Errorf("decode ticket: %w", err)
			return
		}
		owners[t.Seat] = t.OrderID
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, fmt.Errorf("tickets of %s: %w", g.Key(), err)
	}
	return owners, nil
}
