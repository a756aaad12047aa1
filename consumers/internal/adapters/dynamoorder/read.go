package dynamoorder

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// Read reads one row consistently; found is false when there is none.
func (s *Store) Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error) {
	var out *dynamodb.GetItemOutput
	err = s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String(s.tables.Orders), Key: orderKey(id), ConsistentRead: aws.Bool(true),
		})
		return err
	})
	if err != nil {
		return order.Order{}, false, fmt.Errorf("read order %s: %w", id, err)
	}
	if out.Item == nil {
		return order.Order{}, false, nil
	}
	o, err = decode(out.Item)
	return o, err == nil, err
}

// batchLimit bounds the keys of one BatchGetItem.
const batchLimit = 100

// emptyAnswers bounds the batches without any item before the read fails: the table is being throttled.
const emptyAnswers = 3

var errUnprocessed = errors.New("DynamoDB leaves the keys unprocessed")

// ReadMany reads rows consistently, in no order; ids without a row are left out. ids must not repeat.
func (s *Store) ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error) {
	keys := make([]map[string]types.AttributeValue, len(ids))
	for i, id := range ids {
		keys[i] = orderKey(id)
	}
	rows := make([]order.Order, 0, len(ids))
	err := s.readItems(ctx, s.tables.Orders, keys, func(item map[string]types.AttributeValue) error {
		o, err := decode(item)
		if err != nil {
			return err
		}
		rows = append(rows, o)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// readItems reads the items of keys consistently and calls take for each that exists, in no order. The first error of take
// ends the read. keys must not repeat: DynamoDB would refuse the batch.
func (s *Store) readItems(ctx context.Context, table string, keys []map[string]types.AttributeValue, take func(item map[string]types.AttributeValue) error) error {
	for chunk := range slices.Chunk(keys, batchLimit) {
		for empty := 0; len(chunk) > 0; {
			items, rest, err := s.batchGet(ctx, table, chunk)
			if err != nil {
				return err
			}
			if len(rest) == len(chunk) {
				if empty++; empty == emptyAnswers {
					return fmt.Errorf("read %d items of %s: %w", len(chunk), table, errUnprocessed)
				}
			}
			for _, item := range items {
				if err := take(item); err != nil {
					return err
				}
			}
			chunk = rest
		}
	}
	return nil
}

func (s *Store) batchGet(ctx context.Context, table string, keys []map[string]types.AttributeValue) (items, rest []map[string]types.AttributeValue, err error) {
	var out *dynamodb.BatchGetItemOutput
	err = s.call(ctx, func(ctx context.Context) (err error) {
		out, err = s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			table: {Keys: keys, ConsistentRead: aws.Bool(true)},
		}})
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read %d items of %s: %w", len(keys), table, err)
	}
	return out.Responses[table], out.UnprocessedKeys[table].Keys, nil
}
