// Package dynamocatalogue reads concerts and layouts from DynamoDB for handlers, through a memory that lives as long
// as the process: a layout version never changes, and a concert is read again after some seconds.
package dynamocatalogue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// Tables names the tables of one deployment.
type Tables struct {
	Concerts string
	Layouts  string
}

// concertKept is how long a concert is answered from memory. It bounds how late a change of the sale is noticed.
const concertKept = 10 * time.Second

// timeoutPerCall bounds one read with the SDK's own retries.
const timeoutPerCall = 2 * time.Second

// Catalogue is safe for concurrent use. Two callers may read the same row at once; both answers are right.
type Catalogue struct {
	client  *dynamodb.Client
	tables  Tables
	breaker retry.Breaker
	now     func() time.Time

	mu       sync.Mutex
	concerts map[string]concertRead
	layouts  map[layoutID]readmodel.LayoutGroup
}

type concertRead struct {
	concert readmodel.Concert
	at      time.Time
}

type layoutID struct {
	concertLayout string
	group         string
}

// New makes a Catalogue with an empty memory.
func New(client *dynamodb.Client, tables Tables, breaker retry.Breaker, now func() time.Time) *Catalogue {
	return &Catalogue{
		client: client, tables: tables, breaker: breaker, now: now,
		concerts: map[string]concertRead{}, layouts: map[layoutID]readmodel.LayoutGroup{},
	}
}

// Concert answers a concert, at most 10 s old. A concert that is not there is poison: a message names only concerts
// that its producer found, and they are never deleted.
func (c *Catalogue) Concert(ctx context.Context, concertID string) (readmodel.Concert, error) {
	c.mu.Lock()
	known, ok := c.concerts[concertID]
	c.mu.Unlock()
	if ok && c.now().Sub(known.at) < concertKept {
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

// LayoutGroup answers one group of a layout version. One that is not there is poison, as with Concert.
func (c *Catalogue) LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error) {
	id := layoutID{concertLayout: readmodel.LayoutKey(concertID, version), group: group}
	c.mu.Lock()
	layout, ok := c.layouts[id]
	c.mu.Unlock()
	if ok {
		return layout, nil
	}
	key := map[string]types.AttributeValue{
		"concertLayout": &types.AttributeValueMemberS{Value: id.concertLayout},
		"seatGroup":     &types.AttributeValueMemberS{Value: group},
	}
	if err := c.get(ctx, c.tables.Layouts, key, &layout); err != nil {
		return readmodel.LayoutGroup{}, fmt.Errorf("layout %s of group %s: %w", id.concertLayout, group, err)
	}
	c.mu.Lock()
	c.layouts[id] = layout
	c.mu.Unlock()
	return layout, nil
}

func (c *Catalogue) get(ctx context.Context, table string, key map[string]types.AttributeValue, into any) error {
	var out *dynamodb.GetItemOutput
	err := c.breaker.Do(ctx, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, timeoutPerCall)
		defer cancel()
		out, err = c.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: key, ConsistentRead: aws.Bool(true)})
		return err
	})
	if err != nil {
		return err
	}
	if out.Item == nil {
		return &retry.PoisonError{Reason: "catalogue_missing", Err: fmt.Errorf("no such item in the catalogue")}
	}
	return attributevalue.UnmarshalMap(out.Item, into)
}
