package dynamoorder

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// CountTickets counts, by consistent reads, how many seats of each order have a ticket of that order. Orders may share a
// seat.
func (s *Store) CountTickets(ctx context.Context, rows []order.Order) (map[contracts.OrderID]int, error) {
	type place struct{ group, seat string }
	var keys []map[string]types.AttributeValue
	asked := map[place]bool{}
	for _, row := range rows {
		for _, seat := range row.Seats {
			p := place{row.SeatGroup().Key(), seat}
			if asked[p] {
				continue
			}
			asked[p] = true
			keys = append(keys, map[string]types.AttributeValue{
				"seatGroup": &types.AttributeValueMemberS{Value: p.group}, "seat": &types.AttributeValueMemberS{Value: p.seat},
			})
		}
	}
	owners := map[place]contracts.OrderID{}
	err := s.readItems(ctx, s.tables.Tickets, keys, func(item map[string]types.AttributeValue) error {
		var t readmodel.Ticket
		if err := attributevalue.UnmarshalMap(item, &t); err != nil {
			return fmt.Errorf("decode ticket: %w", err)
		}
		owners[place{t.SeatGroup, t.Seat}] = t.OrderID
		return nil
	})
	if err != nil {
		return nil, err
	}
	counts := map[contracts.OrderID]int{}
	for _, row := range rows {
		for _, seat := range row.Seats {
			if owners[place{row.SeatGroup().Key(), seat}] == row.OrderID {
				counts[row.OrderID]++
			}
		}
	}
	return counts, nil
}
