package dynamoorder

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// Update writes the next version of a row, if the stored one still has the status and version that after was made from; else it
// returns retry.ErrMoved. Where Counted changes, the same transaction changes the buyer's allowance. The whole row is written, at
// most some 2 KB, so it is exactly what the decision was made on. Attributes that this program does not know stay (rest.go).
// Codes of tickets that after makes invalid are revoked in the same transaction.
func (s *Store) Update(ctx context.Context, before, after order.Order) error {
	put, err := s.versioned(before, after)
	if err != nil {
		return err
	}
	revocation, err := s.revocation(before, after)
	if err != nil {
		return err
	}
	if after.Counted == before.Counted && revocation == nil {
		return s.put(ctx, after, put)
	}
	items := append([]types.TransactWriteItem{{Put: put}}, revocation...)
	if after.Counted != before.Counted {
		items = append(items, types.TransactWriteItem{Update: s.count(after, after.Counted-before.Counted, nil)})
	}
	return s.transact(ctx, after, items...)
}

// RejectLost writes the REJECTED version of an open row as Update does, if a ticket of that seat still belongs to
// another order. Without that check an order would be ended for a seat that has become free meanwhile. A refusal of either
// condition is retry.ErrMoved.
func (s *Store) RejectLost(ctx context.Context, before, after order.Order, seat string) error {
	put, err := s.versioned(before, after)
	if err != nil {
		return err
	}
	items := []types.TransactWriteItem{
		{Put: put},
		{ConditionCheck: &types.ConditionCheck{
			TableName:                 aws.String(s.tables.Tickets),
			Key:                       ticketKey(after.SeatGroup(), seat),
			ConditionExpression:       aws.String("attribute_exists(seat) AND orderId <> :order"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":order": &types.AttributeValueMemberS{Value: string(after.OrderID)}},
		}},
	}
	if after.Counted != before.Counted {
		items = append(items, types.TransactWriteItem{Update: s.count(after, after.Counted-before.Counted, nil)})
	}
	return s.transact(ctx, after, items...)
}

func (s *Store) versioned(before, after order.Order) (*types.Put, error) {
	item, err := next(before, after)
	if err != nil {
		return nil, err
	}
	return &types.Put{
		TableName:                aws.String(s.tables.Orders),
		Item:                     item,
		ConditionExpression:      aws.String("#version = :version AND #status = :status"),
		ExpressionAttributeNames: map[string]string{"#version": "version", "#status": "status"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":version": number(before.Version),
			":status":  &types.AttributeValueMemberS{Value: string(before.Status)},
		},
	}, nil
}

// next returns the item of a row's next version.
func next(before, after order.Order) (map[string]types.AttributeValue, error) {
	item, err := encode(after)
	read, some := before.Rest.(map[string]types.AttributeValue)
	if err != nil || !some {
		return item, err
	}
	was, err := encode(before)
	if err != nil {
		return nil, err
	}
	return known.changed(read, was, item), nil
}

func (s *Store) put(ctx context.Context, after order.Order, p *types.Put) error {
	err := s.call(ctx, func(ctx context.Context) error {
		_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: p.TableName, Item: p.Item, ConditionExpression: p.ConditionExpression,
			ExpressionAttributeNames: p.ExpressionAttributeNames, ExpressionAttributeValues: p.ExpressionAttributeValues,
		})
		return err
	})
	var refused *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &refused):
		// By another write, or by the effect of the first attempt. The caller reads the row again, which shows which.
		return moved(after)
	case err != nil:
		return fmt.Errorf("order %s to %s: %w", after.OrderID, after.Status, err)
	default:
		return nil
	}
}

// moved is the error of a version whose condition was refused. It is made outside of the breaker, for which a refused
// condition is a healthy call.
func moved(after order.Order) error {
	return fmt.Errorf("order %s to %s: %w", after.OrderID, after.Status, retry.ErrMoved)
}

// transact writes all items or none. A refused condition is retry.ErrMoved; a conflict or a throttle is another error, since
// neither says whether the condition holds.
func (s *Store) transact(ctx context.Context, after order.Order, items ...types.TransactWriteItem) error {
	err := s.call(ctx, s.transaction(items))
	var cancelled *types.TransactionCanceledException
	switch {
	case errors.As(err, &cancelled) && !otherReason(cancelled):
		return moved(after)
	case err != nil:
		return fmt.Errorf("order %s to %s: %w", after.OrderID, after.Status, err)
	default:
		return nil
	}
}

// Allowance reads consistently how many seats are counted for a buyer.
func (s *Store) Allowance(ctx context.Context, concertID, userID string) (int, error) {
	var row readmodel.Allowance
	err := s.call(ctx, func(ctx context.Context) error {
		out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String(s.tables.Allowances), ConsistentRead: aws.Bool(true),
			Key: map[string]types.AttributeValue{
				"buyerConcert": &types.AttributeValueMemberS{Value: readmodel.AllowanceKey(concertID, userID)},
			},
		})
		if err != nil || out.Item == nil {
			return err
		}
		return attributevalue.UnmarshalMap(out.Item, &row)
	})
	if err != nil {
		return 0, fmt.Errorf("allowance: %w", err)
	}
	return row.Seats, nil
}
