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

// ticketKey is the key of a seat's ticket.
func ticketKey(g contracts.SeatGroup, seat string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"seatGroup": &types.AttributeValueMemberS{Value: g.Key()},
		"seat":      &types.AttributeValueMemberS{Value: seat},
	}
}

// Ticket reads one ticket consistently; found is false when the seat has none. It sees a transaction whole or not at all,
// whereas the Query of Tickets may see one of its writes and not another.
func (s *Store) Ticket(ctx context.Context, g contracts.SeatGroup, seat string) (owner contracts.OrderID, found bool, err error) {
	var out *dynamodb.GetItemOutput
	err = s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String(s.tables.Tickets), ConsistentRead: aws.Bool(true),
			Key: ticketKey(g, seat),
		})
		return err
	})
	if err != nil {
		return "", false, fmt.Errorf("ticket of seat %s in %s: %w", seat, g.Key(), err)
	}
	if out.Item == nil {
		return "", false, nil
	}
	var t readmodel.Ticket
	if err := attributevalue.UnmarshalMap(out.Item, &t); err != nil {
		return "", false, fmt.Errorf("decode ticket of seat %s in %s: %w", seat, g.Key(), err)
	}
	return t.OrderID, true, nil
}

// Tickets reads all tickets of a group consistently: seat name to owner.
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
