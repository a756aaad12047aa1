// Package dynamocatalogue reads concerts and layouts from DynamoDB for handlers, through a memory that lives as long
// as the process: a layout version never changes, and a concert is read again after some seconds. Layouts that were read
// as a whole are forgotten when there are more of them than a small function has room for.
package dynamocatalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/awsclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

// Tables names the tables of one deployment.
type Tables struct {
	Concerts string
	Layouts  string
}

// concertKept is how long a concert is answered from memory. It bounds how late a change of the sale is noticed. The mark of
// the frozen layout is not late at all: it is never changed, and a concert without it is not answered from memory.
const concertKept = 10 * time.Second

// groupsKept bounds the groups of layouts that were read as a whole: some kilobytes each. Reconcile comes past every concert
// on sale, so that without a bound its process would hold the layouts of all of them. It is more than a run looks at.
const groupsKept = 4096

// timeoutPerCall bounds one read with its second attempt.
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
	// whole has the versions that were read as a whole, in the layout's order; kept are their groups.
	whole map[string][]readmodel.LayoutGroup
	kept  int
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
		concerts: map[string]concertRead{}, layouts: map[layoutID]readmodel.LayoutGroup{}, whole: map[string][]readmodel.LayoutGroup{},
	}
}

// Concert answers a concert, at most 10 s old, or as it is now if no layout of it is frozen: the first order of a sale must not
// meet a memory from before the mark. A concert that is not there is poison: a message names only concerts
// that its producer found, and they are never deleted.
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

// Layout answers all groups of a layout version, in the layout's order. The caller must not change the slice. A large arena
// takes several pages of 1 MB.
func (c *Catalogue) Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error) {
	key := readmodel.LayoutKey(concertID, version)
	c.mu.Lock()
	groups, ok := c.whole[key]
	c.mu.Unlock()
	if ok {
		return groups, nil
	}
	in := &dynamodb.QueryInput{
		TableName: aws.String(c.tables.Layouts), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("concertLayout = :layout"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":layout": &types.AttributeValueMemberS{Value: key}},
	}
	for {
		var out *dynamodb.QueryOutput
		err := c.call(ctx, func(ctx context.Context) (err error) {
			out, err = c.client.Query(ctx, in)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("layout %s: %w", key, err)
		}
		var page []readmodel.LayoutGroup
		if err := attributevalue.UnmarshalListOfMaps(out.Items, &page); err != nil {
			return nil, fmt.Errorf("layout %s: %w", key, err)
		}
		if groups = append(groups, page...); out.LastEvaluatedKey == nil {
			break
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
	slices.SortFunc(groups, func(a, b readmodel.LayoutGroup) int { return cmp.Compare(a.Order, b.Order) })
	c.keepWhole(key, groups)
	return groups, nil
}

// keepWhole remembers a layout, and forgets all others when there is no room for it: which of them is asked for next is not
// known, and reading them again costs a call each.
func (c *Catalogue) keepWhole(key string, groups []readmodel.LayoutGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept+len(groups) > groupsKept {
		clear(c.whole)
		c.kept = 0
	}
	if _, twice := c.whole[key]; !twice {
		c.kept += len(groups)
	}
	c.whole[key] = groups
}

// Concerts reads all concerts, in no order and past the memory. There are some hundreds at most. One that does not decode is
// named in the error, beside which all others are returned.
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

// Freeze marks a layout as the one that is sold, if the concert has no mark and that version; it returns false if not. A second
// attempt that meets the mark of the first is refused, and the next reading shows it.
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

// nameOf names an item of the table of concerts, whatever else it has.
func nameOf(item map[string]types.AttributeValue) string {
	if id, ok := item["concertId"].(*types.AttributeValueMemberS); ok {
		return id.Value
	}
	return "without an id"
}

// call makes one read within its timeout and the breaker.
func (c *Catalogue) call(ctx context.Context, op func(context.Context) error) error {
	return c.breaker.Do(ctx, func(ctx context.Context) error { return awsclient.Try(ctx, timeoutPerCall, op) })
}

func (c *Catalogue) get(ctx context.Context, table string, key map[string]types.AttributeValue, into any) error {
	var out *dynamodb.GetItemOutput
	err := c.call(ctx, func(ctx context.Context) (err error) {
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
