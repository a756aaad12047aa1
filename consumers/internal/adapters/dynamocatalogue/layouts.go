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

// layoutBytes is how much memory the layouts may take that a process keeps: an eighth of the smallest function. An arena of
// 23,000 seats takes 0.6 MB. Reconcile comes past every concert on sale, so that without a bound its process would hold the
// layouts of all of them.
const layoutBytes = 32 << 20

// layout is a layout version with its groups found by name.
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

// LayoutGroup answers one group of a layout version. One that is not there is poison, as with Concert.
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

// Layout answers all groups of a layout version, in the layout's order. The caller must not change the slice. A layout that is
// not there is poison, as with Concert.
func (c *Catalogue) Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error) {
	l, err := c.layout(ctx, concertID, version)
	if err != nil {
		return nil, err
	}
	return l.groups, nil
}

// layout reads a version once: only a frozen one is sold, and asked for here.
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

// Preload reads the layouts of the sales that buyers most likely ask for.
func (c *Catalogue) Preload(ctx context.Context) error {
	if err := c.layouts.Preload(ctx); err != nil {
		return fmt.Errorf("preload layouts: %w", err)
	}
	return nil
}

// TellFirst writes which layouts Preload reads, of any process.
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

// Complete reads every item of a layout version, past the memory and consistently, and answers an error unless all of them are
// there, can be read, and have the same groups with the same seats: what is frozen can be sold and shown.
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

var errNotThere = errors.New("it is not there")
