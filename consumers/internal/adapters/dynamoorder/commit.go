package dynamoorder

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
)

// Commit writes the tickets of all seats of an order, none of which may exist, and its row COMMITTED, if the stored one is
// still before. That each ticket must not exist is what decides who owns a seat. Reasons of a refusal are read by position:
// the row's first, which is retry.ErrMoved, then the seats', which are an order.SeatsTakenError. A conflict or a throttle is
// another error, since neither says whether the conditions hold.
func (s *Store) Commit(ctx context.Context, before, after order.Order) error {
	put, err := s.versioned(before, after)
	if err != nil {
		return err
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
		return nil
	case !errors.As(err, &cancelled), otherReason(cancelled):
		return fmt.Errorf("commit order %s: %w", after.OrderID, err)
	case refusedAt(cancelled, 0):
		// Where the row has moved, a ticket that exists may be the order's own.
		return moved(after)
	}
	taken := &order.SeatsTakenError{}
	for i, seat := range after.Seats {
		if refusedAt(cancelled, i+1) {
			taken.Seats = append(taken.Seats, seat)
		}
	}
	return taken
}

// Withdraw deletes the tickets of all seats of an order, each if it is the order's, and writes the row, if the stored one is
// still before; else it returns retry.ErrMoved. The codes of the tickets are revoked in the same transaction, and where
// Counted changes, the buyer's allowance moves in it.
func (s *Store) Withdraw(ctx context.Context, before, after order.Order) error {
	put, err := s.versioned(before, after)
	if err != nil {
		return err
	}
	items := []types.TransactWriteItem{{Put: put}}
	for _, seat := range after.Seats {
		items = append(items, types.TransactWriteItem{Delete: &types.Delete{
			TableName:                 aws.String(s.tables.Tickets),
			Key:                       ticketKey(after.SeatGroup(), seat),
			ConditionExpression:       aws.String("orderId = :order"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":order": &types.AttributeValueMemberS{Value: string(after.OrderID)}},
		}})
	}
	revocation, err := s.revocation(before, after)
	if err != nil {
		return err
	}
	items = append(items, revocation...)
	if after.Counted != before.Counted {
		items = append(items, types.TransactWriteItem{Update: s.count(after, after.Counted-before.Counted, nil)})
	}
	return s.transact(ctx, after, items...)
}
