package dynamoorder

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
)

// Commit writes, in one transaction, the tickets of all seats of an order, none of which may exist, and its row COMMITTED,
// if the stored one is still before. The condition on the tickets decides who owns a seat. A refusal is a result, read by
// position: the row's reason first, then the seats'. A conflict or a throttle is an error: the result is unknown.
func (s *Store) Commit(ctx context.Context, before, after order.Order) (order.CommitResult, error) {
	put, err := s.versioned(before, after)
	if err != nil {
		return order.CommitResult{}, err
	}
	items := []types.TransactWriteItem{{Put: put}}
	for _, seat := range after.Seats {
		items = append(items, types.TransactWriteItem{Put: &types.Put{
			TableName: aws.String(s.tables.Tickets),
			Item: map[string]types.AttributeValue{
				"seatGroup": &types.AttributeValueMemberS{Value: after.SeatGroup().Key()},
				"seat":      &types.AttributeValueMemberS{Value: seat},
				"orderId":   &types.AttributeValueMemberS{Value: string(after.OrderID)},
			},
			ConditionExpression: aws.String("attribute_not_exists(seat)"),
		}})
	}
	err = s.call(ctx, s.transaction(items))
	var cancelled *types.TransactionCanceledException
	switch {
	case err == nil:
		return order.CommitResult{Done: true}, nil
	case !errors.As(err, &cancelled), otherReason(cancelled):
		return order.CommitResult{}, fmt.Errorf("commit order %s: %w", after.OrderID, err)
	}
	// The row's reason comes first: if the row has moved, an existing ticket may be the order's own.
	r := order.CommitResult{Moved: refusedAt(cancelled, 0)}
	for i, seat := range after.Seats {
		if refusedAt(cancelled, i+1) {
			r.Taken = append(r.Taken, seat)
		}
	}
	return r, nil
}

// Withdraw deletes, in one transaction, the tickets of all seats of an order, each if it is the order's, and writes the
// row, if the stored one is still before. Where Counted changes, the transaction also changes the buyer's allowance. A
// refused condition is a result, not an error.
func (s *Store) Withdraw(ctx context.Context, before, after order.Order) (done bool, err error) {
	put, err := s.versioned(before, after)
	if err != nil {
		return false, err
	}
	items := []types.TransactWriteItem{{Put: put}}
	for _, seat := range after.Seats {
		items = append(items, types.TransactWriteItem{Delete: &types.Delete{
			TableName: aws.String(s.tables.Tickets),
			Key: map[string]types.AttributeValue{
				"seatGroup": &types.AttributeValueMemberS{Value: after.SeatGroup().Key()},
				"seat":      &types.AttributeValueMemberS{Value: seat},
			},
			ConditionExpression:       aws.String("orderId = :order"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":order": &types.AttributeValueMemberS{Value: string(after.OrderID)}},
		}})
	}
	if after.Counted != before.Counted {
		items = append(items, types.TransactWriteItem{Update: s.count(after, after.Counted-before.Counted, nil)})
	}
	return s.transact(ctx, after, items...)
}
