package catalogue

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/geometry"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// itemsOf returns the items of a concert's layout, one for each use.
func itemsOf(e Entry) ([]readmodel.LayoutItem, error) {
	var items []readmodel.LayoutItem
	for _, use := range layoutitem.Uses {
		key := layoutitem.Key(e.Concert.ConcertID, e.Concert.LayoutVersion, use)
		var body []byte
		var err error
		switch use {
		case layoutitem.UseSeats:
			body, err = layoutitem.EncodeSeats(e.Groups)
		case layoutitem.UsePage:
			body, err = layoutitem.EncodePage(layoutitem.Page{Tiers: e.Concert.Tiers, Geometry: &e.Geometry, Groups: e.Groups})
		}
		if err != nil {
			return nil, fmt.Errorf("layout item %s: %w", key, err)
		}
		item, err := layoutitem.New(key, body)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// layout compares the stored items with the catalogue, writes the missing ones, and returns how many were missing. It writes
// nothing if an item differs or is too large.
func (l *loader) layout(ctx context.Context, e Entry) (int, error) {
	items, err := itemsOf(e)
	if err != nil {
		return 0, err
	}
	var missing []readmodel.LayoutItem
	for _, item := range items {
		stored, found, err := l.storedItem(ctx, item.Key)
		if err != nil {
			return 0, err
		}
		if !found {
			missing = append(missing, item)
			continue
		}
		if err := same(item.Key, stored, item.Body); err != nil {
			return 0, err
		}
	}
	if l.options.DryRun {
		return len(missing), nil
	}
	for _, item := range missing {
		if err := l.putItem(ctx, item); err != nil {
			return 0, err
		}
	}
	return len(missing), nil
}

// same compares the decoded bodies of an item, since another release may compress differently. A stored item that is older than
// the geometry of halls stays as it is, whatever the catalogue draws: it has the same seats, and is shown with a plain drawing. So
// does an item for orders that is older than the tiers and the names of sections in it: readers do without.
func same(key string, stored, own []byte) error {
	storedPage, err := readItem(stored)
	if err != nil {
		return fmt.Errorf("layout item %s is stored and cannot be read: %w", key, err)
	}
	ownPage, err := readItem(own)
	if err != nil {
		return fmt.Errorf("layout item %s: %w", key, err)
	}
	if !reflect.DeepEqual(storedPage.Tiers, ownPage.Tiers) {
		return fmt.Errorf("%w: the tiers of %s differ from the catalogue", ErrFrozen, key)
	}
	groups, want := storedPage.Groups, ownPage.Groups
	if storedPage.Geometry == nil {
		groups, want = withoutDrawing(groups), withoutDrawing(want)
	} else if !reflect.DeepEqual(storedPage.Geometry, ownPage.Geometry) {
		return fmt.Errorf("%w: the geometry of %s differs from the catalogue", ErrFrozen, key)
	}
	if !slices.ContainsFunc(groups, func(g readmodel.LayoutGroup) bool { return g.Tier != "" || g.SectionName != "" }) {
		want = withoutWords(want)
	}
	extra := make(map[string]readmodel.LayoutGroup, len(groups))
	for _, g := range groups {
		extra[g.Group] = g
	}
	for _, g := range want {
		s, found := extra[g.Group]
		if !found {
			return fmt.Errorf("%w: group %s is not in %s", ErrFrozen, g.Group, key)
		}
		if part := difference(s, g); part != "" {
			return fmt.Errorf("%w: group %s of %s: its %s differs from the catalogue", ErrFrozen, g.Group, key, part)
		}
		delete(extra, g.Group)
	}
	for _, g := range groups {
		if _, found := extra[g.Group]; found {
			return fmt.Errorf("%w: group %s of %s is not in the catalogue", ErrFrozen, g.Group, key)
		}
	}
	for i, g := range groups {
		if i >= len(want) || g.Group != want[i].Group {
			return fmt.Errorf("%w: group %s of %s has another position in the catalogue", ErrFrozen, g.Group, key)
		}
	}
	return nil
}

// readItem decodes a body of either use. What the use leaves out is empty.
func readItem(body []byte) (layoutitem.Page, error) { return layoutitem.DecodePage(body) }

// withoutDrawing returns groups without the parts that items have only since halls have a geometry.
func withoutDrawing(groups []readmodel.LayoutGroup) []readmodel.LayoutGroup {
	left := slices.Clone(groups)
	for i := range left {
		left[i].Shape, left[i].Companions, left[i].Restricted = geometry.Shape{}, nil, nil
	}
	return left
}

// withoutWords returns groups without the parts that items for orders did not always have.
func withoutWords(groups []readmodel.LayoutGroup) []readmodel.LayoutGroup {
	left := slices.Clone(groups)
	for i := range left {
		left[i].Tier, left[i].SectionName = "", ""
	}
	return left
}

// difference returns the name of the first part in which two groups differ, "" if they are equal.
func difference(a, b readmodel.LayoutGroup) string {
	for _, part := range []struct {
		name string
		a, b any
	}{
		{"section", a.Section, b.Section}, {"name of the section", a.SectionName, b.SectionName}, {"kind", a.Kind, b.Kind}, {"tier", a.Tier, b.Tier}, {"price", a.Price, b.Price},
		{"list of seats", a.Seats, b.Seats}, {"rows", a.Rows, b.Rows}, {"accessible places", a.Accessible, b.Accessible}, {"companions' seats", a.Companions, b.Companions},
		{"restricted seats", a.Restricted, b.Restricted}, {"shape", a.Shape, b.Shape},
	} {
		if !reflect.DeepEqual(part.a, part.b) {
			return part.name
		}
	}
	return ""
}

func itemKey(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"layoutItem": &types.AttributeValueMemberS{Value: key}}
}

func (l *loader) storedItem(ctx context.Context, key string) (body []byte, found bool, err error) {
	out, err := l.target.DynamoDB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &l.target.LayoutsTable, ConsistentRead: aws.Bool(true), Key: itemKey(key)})
	if err != nil {
		return nil, false, fmt.Errorf("read layout item %s: %w", key, err)
	}
	if out.Item == nil {
		return nil, false, nil
	}
	var item readmodel.LayoutItem
	if err := attributevalue.UnmarshalMap(out.Item, &item); err != nil {
		return nil, false, fmt.Errorf("read layout item %s: %w", key, err)
	}
	return item.Body, true, nil
}

// putItem writes an item on condition that it does not exist, since two loads may run at once.
func (l *loader) putItem(ctx context.Context, item readmodel.LayoutItem) error {
	values, err := attributevalue.MarshalMap(item)
	if err != nil {
		return fmt.Errorf("write layout item %s: %w", item.Key, err)
	}
	_, err = l.target.DynamoDB.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &l.target.LayoutsTable, Item: values, ConditionExpression: aws.String("attribute_not_exists(layoutItem)"),
	})
	if err != nil {
		return fmt.Errorf("write layout item %s: %w", item.Key, err)
	}
	return nil
}
