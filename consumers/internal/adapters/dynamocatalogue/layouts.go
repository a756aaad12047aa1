package dynamocatalogue

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// layoutBytes bounds the memory of the cached layouts: an eighth of the smallest function. An arena of 23,000 seats takes
// 0.6 MB. Reconcile reads every concert on sale, so without a bound its process would keep all of their layouts.
const layoutBytes = 32 << 20

// layout is a layout version with its groups indexed by name.
type layout struct {
	groups []readmodel.LayoutGroup
	at     map[string]int
}

func newLayout(_ layoutitem.Ref, body []byte) (*layout, int, error) {
	groups, err := layoutitem.DecodeSeats(body)
	if err != nil {
		return nil, 0, err
	}
	l := &layout{groups: groups, at: make(map[string]int, len(groups))}
	for i, g := range groups {
		l.at[g.Group] = i
	}
	return l, layoutitem.SizeOf(groups), nil
}

// LayoutGroup returns one group of a layout version. A missing one is poison, as for Concert. The caller must not change
// it.
func (c *Catalogue) LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error) {
	l, err := c.layout(ctx, concertID, version)
	if err != nil {
		return readmodel.LayoutGroup{}, err
	}
	at, found := l.at[group]
	if !found {
		return readmodel.LayoutGroup{}, missing(fmt.Errorf("layout %s has no group %s", readmodel.LayoutKey(concertID, version), group))
	}
	return l.groups[at], nil
}

// Layout returns all groups of a layout version, in the layout's order. The caller must not change the slice. A missing
// layout is poison, as for Concert.
func (c *Catalogue) Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error) {
	l, err := c.layout(ctx, concertID, version)
	if err != nil {
		return nil, err
	}
	return l.groups, nil
}

// layout reads a version once and then serves it from memory: only frozen versions are asked for here, and they never
// change.
func (c *Catalogue) layout(ctx context.Context, concertID string, version int) (*layout, error) {
	key := readmodel.LayoutKey(concertID, version)
	l, found, err := c.layouts.Get(ctx, concertID, version, true)
	if err != nil {
		return nil, fmt.Errorf("layout %s: %w", key, err)
	}
	if !found {
		return nil, missing(fmt.Errorf("there is no layout %s", key))
	}
	return l, nil
}

// Preload reads the layouts that TellFirst named into memory.
func (c *Catalogue) Preload(ctx context.Context) error {
	if err := c.layouts.Preload(ctx); err != nil {
		return fmt.Errorf("preload layouts: %w", err)
	}
	return nil
}

// TellFirst stores the layouts that Preload reads, in every process.
func (c *Catalogue) TellFirst(ctx context.Context, refs []layoutitem.Ref) error {
	body, err := layoutitem.EncodeFirst(refs)
	if err != nil {
		return err
	}
	item, err := attributevalue.MarshalMap(readmodel.LayoutItem{Key: layoutitem.FirstKey, Body: body})
	if err != nil {
		return fmt.Errorf("layout item %s: %w", layoutitem.FirstKey, err)
	}
	err = c.call(ctx, func(ctx context.Context) error {
		_, err := c.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(c.tables.Layouts), Item: item})
		return err
	})
	if err != nil {
		return fmt.Errorf("layout item %s: %w", layoutitem.FirstKey, err)
	}
	return nil
}

// LayoutItem implements layoutitem.Source.
func (c *Catalogue) LayoutItem(ctx context.Context, key string, consistent bool) (body []byte, found bool, err error) {
	item, err := c.item(ctx, c.tables.Layouts, map[string]types.AttributeValue{"layoutItem": &types.AttributeValueMemberS{Value: key}}, consistent)
	if err != nil || item == nil {
		return nil, false, err
	}
	var row readmodel.LayoutItem
	if err := attributevalue.UnmarshalMap(item, &row); err != nil {
		return nil, false, fmt.Errorf("layout item %s: %w", key, err)
	}
	return row.Body, true, nil
}

// Complete reads every item of a layout version from the table, consistently. It returns an error unless all items are
// there, can be decoded, and have the same groups with the same seats: a layout that is frozen can be sold and shown.
func (c *Catalogue) Complete(ctx context.Context, concertID string, version int) error {
	bodies := map[layoutitem.Use][]byte{}
	for _, use := range layoutitem.Uses {
		key := layoutitem.Key(concertID, version, use)
		body, found, err := c.LayoutItem(ctx, key, true)
		switch {
		case err != nil:
			return fmt.Errorf("layout item %s: %w", key, err)
		case !found:
			return fmt.Errorf("layout item %s: %w", key, errNotThere)
		}
		bodies[use] = body
	}
	if err := layoutitem.Agree(bodies[layoutitem.UseSeats], bodies[layoutitem.UsePage]); err != nil {
		return fmt.Errorf("layout %s: %w", readmodel.LayoutKey(concertID, version), err)
	}
	return nil
}

var errNotThere = errors.New("it does not exist")
