// Package dynamocatalogue reads concerts and layouts from DynamoDB for handlers and caches them in memory for the life of
// the process: a layout version never changes, and a concert is read again after 10 s.
package dynamocatalogue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// Tables names the tables of one deployment.
type Tables struct {
	Concerts string
	Layouts  string
}

// concertKept is how long a concert is served from memory. It bounds how late a change of the sale is seen. The mark of the
// frozen layout is never seen late: it never changes, and a concert without it is not served from memory.
const concertKept = 10 * time.Second

// timeoutPerCall bounds one read with its second attempt.
const timeoutPerCall = 2 * time.Second

// Catalogue is safe for concurrent use. Two callers may read the same row at once; both results are right. A read blocks
// for at most 2 s a call.
type Catalogue struct {
	client  *dynamodb.Client
	tables  Tables
	breaker retry.Breaker
	now     func() time.Time

	layouts *layoutitem.Memory[*layout]

	mu       sync.Mutex
	concerts map[string]concertRead
}

type concertRead struct {
	concert readmodel.Concert
	at      time.Time
}

// New makes a Catalogue with an empty memory.
func New(client *dynamodb.Client, tables Tables, breaker retry.Breaker, now func() time.Time) *Catalogue {
	c := &Catalogue{client: client, tables: tables, breaker: breaker, now: now, concerts: map[string]concertRead{}}
	c.layouts = layoutitem.NewMemory(layoutitem.UseSeats, c, layoutBytes, now, newLayout)
	return c
}

// Concert returns a concert, at most 10 s old; or as it is now if none of its layouts is frozen, so that the first order of
// a sale does not see the concert from before the mark. A missing concert is poison: a message names only concerts that its
// producer found, and they are never deleted.
func (c *Catalogue) Concert(ctx context.Context, concertID string) (readmodel.Concert, error) {
	c.mu.Lock()
	known, ok := c.concerts[concertID]
	c.mu.Unlock()
	if ok && known.concert.LayoutFrozen != 0 && c.now().Sub(known.at) < concertKept {
		return known.concert, nil
	}
	at := c.now()
	var concert readmodel.Concert
	key := map[string]types.AttributeValue{"concertId": &types.AttributeValueMemberS{Value: concertID}}
	if err := c.get(ctx, c.tables.Concerts, key, &concert); err != nil {
		return readmodel.Concert{}, fmt.Errorf("concert %s: %w", concertID, err)
	}
	c.mu.Lock()
	c.concerts[concertID] = concertRead{concert: concert, at: at}
	c.mu.Unlock()
	return concert, nil
}

// Concerts reads all concerts from the table, not from memory, in no order. There are some hundreds at most. The error
// names each concert that does not decode; all others are returned beside it.
func (c *Catalogue) Concerts(ctx context.Context) ([]readmodel.Concert, error) {
	var concerts []readmodel.Concert
	var bad []error
	in := &dynamodb.ScanInput{TableName: aws.String(c.tables.Concerts), ConsistentRead: aws.Bool(true)}
	for {
		var out *dynamodb.ScanOutput
		err := c.call(ctx, func(ctx context.Context) (err error) {
			out, err = c.client.Scan(ctx, in)
			return err
		})
		if err != nil {
			return concerts, errors.Join(append(bad, fmt.Errorf("concerts: %w", err))...)
		}
		for _, item := range out.Items {
			var concert readmodel.Concert
			if err := attributevalue.UnmarshalMap(item, &concert); err != nil {
				bad = append(bad, fmt.Errorf("concert %s: %w", nameOf(item), err))
				continue
			}
			concerts = append(concerts, concert)
		}
		if out.LastEvaluatedKey == nil {
			return concerts, errors.Join(bad...)
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Freeze marks a layout version as the one that is sold, if the concert has that version and no mark; else it returns
// false. A second attempt that finds the mark of the first returns false too, and the next read shows the mark.
func (c *Catalogue) Freeze(ctx context.Context, concertID string, version int) (done bool, err error) {
	var refused *types.ConditionalCheckFailedException
	err = c.call(ctx, func(ctx context.Context) error {
		_, err := c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 aws.String(c.tables.Concerts),
			Key:                       map[string]types.AttributeValue{"concertId": &types.AttributeValueMemberS{Value: concertID}},
			UpdateExpression:          aws.String("SET layoutFrozen = :v"),
			ConditionExpression:       aws.String("layoutVersion = :v AND attribute_not_exists(layoutFrozen)"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberN{Value: strconv.Itoa(version)}},
		})
		if errors.As(err, &refused) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("freeze layout %d of %s: %w", version, concertID, err)
	}
	return refused == nil, nil
}

// nameOf returns the id of an item of the table of concerts, for an error text.
func nameOf(item map[string]types.AttributeValue) string {
	if id, ok := item["concertId"].(*types.AttributeValueMemberS); ok {
		return id.Value
	}
	return "without an id"
}

// call makes one call through the breaker, bounded by timeoutPerCall.
func (c *Catalogue) call(ctx context.Context, op func(context.Context) error) error {
	return c.breaker.Do(ctx, func(ctx context.Context) error { return awsclient.Try(ctx, timeoutPerCall, op) })
}

func (c *Catalogue) get(ctx context.Context, table string, key map[string]types.AttributeValue, into any) error {
	item, err := c.item(ctx, table, key, true)
	if err != nil {
		return err
	}
	if item == nil {
		return missing(errors.New("no such item in the catalogue"))
	}
	return attributevalue.UnmarshalMap(item, into)
}

// item reads an item; nil if there is none.
func (c *Catalogue) item(ctx context.Context, table string, key map[string]types.AttributeValue, consistent bool) (map[string]types.AttributeValue, error) {
	var out *dynamodb.GetItemOutput
	err := c.call(ctx, func(ctx context.Context) (err error) {
		out, err = c.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: key, ConsistentRead: aws.Bool(consistent)})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// missing marks err as poison: a message names only what its producer found.
func missing(err error) error {
	return retry.Poison(retry.ReasonCatalogueMissing, err)
}
