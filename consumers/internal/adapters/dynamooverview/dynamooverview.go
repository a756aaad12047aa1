// Package dynamooverview stores what operators see in the DynamoDB table overview: for reconcile the items of the overview, and for
// publish the count of settled orders.
package dynamooverview

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 2 * time.Second

// keysPerRead is how many keys BatchGetItem takes. calls bounds the calls for them: DynamoDB leaves keys out of a call whose items
// have over 16 MB together, or while it is throttled; it leaves out items of a write in the same way.
const (
	keysPerRead = 100
	calls       = 8
)

var errLeft = errors.New("the store left some items out")

// Store is the table. It is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	table   string
	breaker retry.Breaker
}

var _ reconcile.ViewStore = (*Store)(nil)

// New makes a Store.
func New(client *dynamodb.Client, table string, breaker retry.Breaker) *Store {
	return &Store{client: client, table: table, breaker: breaker}
}

func (s *Store) call(ctx context.Context, op func(context.Context) error) error {
	return s.breaker.Do(ctx, func(ctx context.Context) error { return awsclient.Try(ctx, timeoutPerCall, op) })
}

// Read implements reconcile.ViewStore. The reads are consistent; each call blocks for at most 2 s. An item of a later form counts as
// none.
func (s *Store) Read(ctx context.Context, concertIDs []string) (items reconcile.ViewItems, err error) {
	keys := []string{readmodel.OverviewItem, readmodel.SalesItem, readmodel.SettledItem}
	for _, id := range concertIDs {
		keys = append(keys, readmodel.ConcertItem(id))
	}
	items.Concerts = map[string]readmodel.ConcertSeats{}
	for len(keys) > 0 {
		some := keys[:min(len(keys), keysPerRead)]
		keys = keys[len(some):]
		if err := s.read(ctx, some, &items); err != nil {
			return reconcile.ViewItems{}, fmt.Errorf("read overview: %w", err)
		}
	}
	return items, nil
}

// read reads at most keysPerRead items.
func (s *Store) read(ctx context.Context, keys []string, into *reconcile.ViewItems) error {
	left := make([]map[string]types.AttributeValue, len(keys))
	for i, key := range keys {
		left[i] = map[string]types.AttributeValue{"item": &types.AttributeValueMemberS{Value: key}}
	}
	for n := 0; len(left) > 0; n++ {
		if n == calls {
			return errLeft
		}
		var out *dynamodb.BatchGetItemOutput
		err := s.call(ctx, func(ctx context.Context) (err error) {
			out, err = s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{s.table: {ConsistentRead: aws.Bool(true), Keys: left}},
			})
			return err
		})
		if err != nil {
			return err
		}
		for _, item := range out.Responses[s.table] {
			if err := decode(item, into); err != nil {
				return err
			}
		}
		left = out.UnprocessedKeys[s.table].Keys
	}
	return nil
}

// decode decodes an item by its key. It passes over an item of a later form, whose attributes may mean something else.
func decode(item map[string]types.AttributeValue, into *reconcile.ViewItems) error {
	var head struct {
		Item string `dynamodbav:"item"`
		Form int    `dynamodbav:"form"`
	}
	if err := attributevalue.UnmarshalMap(item, &head); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	var err error
	switch {
	case head.Form > readmodel.OverviewForm:
		return nil
	case head.Item == readmodel.OverviewItem:
		into.Overview, err = decoded[readmodel.Overview](item)
	case head.Item == readmodel.SalesItem:
		// Sales and the seats of a concert are written anew by each run, so that one that does not decode is as good as none.
		if sales, bad := decoded[readmodel.Sales](item); bad == nil {
			into.Sales = sales
		}
	case head.Item == readmodel.SettledItem:
		into.Settled, err = decoded[readmodel.SettledOrders](item)
	default:
		if seats, bad := decoded[readmodel.ConcertSeats](item); bad == nil {
			into.Concerts[seats.ConcertID] = *seats
		}
	}
	if err != nil {
		return fmt.Errorf("decode %s: %w", head.Item, err)
	}
	return nil
}

func decoded[T any](item map[string]types.AttributeValue) (*T, error) {
	var value T
	err := attributevalue.UnmarshalMap(item, &value)
	return &value, err
}

// Write implements reconcile.ViewStore. Each call blocks for at most 2 s.
func (s *Store) Write(ctx context.Context, items reconcile.ViewItems) error {
	var rows []any
	if items.Overview != nil {
		rows = append(rows, *items.Overview)
	}
	if items.Sales != nil {
		rows = append(rows, *items.Sales)
	}
	for _, seats := range items.Concerts {
		rows = append(rows, seats)
	}
	left := make([]types.WriteRequest, len(rows))
	for i, row := range rows {
		item, err := attributevalue.MarshalMap(row)
		if err != nil {
			return fmt.Errorf("encode overview: %w", err)
		}
		left[i].PutRequest = &types.PutRequest{Item: item}
	}
	for n := 0; len(left) > 0; n++ {
		if n == calls {
			return fmt.Errorf("write overview: %w", errLeft)
		}
		var out *dynamodb.BatchWriteItemOutput
		err := s.call(ctx, func(ctx context.Context) (err error) {
			out, err = s.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.table: left}})
			return err
		})
		if err != nil {
			return fmt.Errorf("write overview: %w", err)
		}
		left = out.UnprocessedItems[s.table]
	}
	return nil
}
