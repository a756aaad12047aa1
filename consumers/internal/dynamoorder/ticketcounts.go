package dynamoorder

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// CountTickets is a consistent read of how many seats of each order have a ticket that is the order's. Orders may share a
// seat.
func (s *Store) CountTickets(ctx context.Context, rows []order.Order) (map[contracts.OrderID]int, error) {
	type place struct{ group, seat string }
	var places []place
	asked := map[place]bool{}
	for _, row := range rows {
		for _, seat := range row.Seats {
			// DynamoDB refuses a batch that has a key twice.
			if p := (place{row.SeatGroup().Key(), seat}); !asked[p] {
				asked[p] = true
				places = append(places, p)
			}
		}
	}
	owners := map[place]contracts.OrderID{}
	for chunk := range slices.Chunk(places, batchLimit) {
		keys := make([]map[string]types.AttributeValue, len(chunk))
		for i, p := range chunk {
			keys[i] = map[string]types.AttributeValue{
				"seatGroup": &types.AttributeValueMemberS{Value: p.group}, "seat": &types.AttributeValueMemberS{Value: p.seat},
			}
		}
		for empty := 0; len(keys) > 0; {
			items, rest, err := s.batchGet(ctx, s.tables.Tickets, keys)
			if err != nil {
				return nil, err
			}
			if len(rest) == len(keys) {
				if empty++; empty == emptyAnswers {
					return nil, fmt.Errorf("read %d tickets: %w", len(keys), errUnprocessed)
				}
			}
			for _, item := range items {
				var t readmodel.Ticket
				if err := attributevalue.UnmarshalMap(item, &t); err != nil {
					return nil, fmt.Errorf("decode ticket: %w", err)
				}
				owners[place{t.SeatGroup, t.Seat}] = t.OrderID
			}
			keys = rest
		}
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
