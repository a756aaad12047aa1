package testbed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/redis/go-redis/v9"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/topology"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/invariants"
)

// Snapshot reads what the invariants are checked with, except Accepted and Published, which only the caller knows.
func (b *Bed) Snapshot(ctx context.Context) (s invariants.Snapshot, err error) {
	if s.Groups, s.NotLoaded, err = b.groups(ctx); err != nil {
		return s, err
	}
	if s.Orders, err = b.Orders(ctx); err != nil {
		return s, err
	}
	if s.Tickets, err = scan[readmodel.Ticket](ctx, b, "tickets"); err != nil {
		return s, err
	}
	if s.Allowances, err = scan[readmodel.Allowance](ctx, b, "allowances"); err != nil {
		return s, err
	}
	if s.DeadLetters, err = b.DeadLetters(ctx); err != nil {
		return s, err
	}
	concerts, err := scan[readmodel.Concert](ctx, b, "concerts")
	if err != nil {
		return s, err
	}
	if s.Layouts, err = b.layouts(ctx, concerts, s.Orders); err != nil {
		return s, err
	}
	specification, err := topology.Load()
	if err != nil {
		return s, err
	}
	for _, q := range lettersOf(specification) {
		n, err := b.Waiting(ctx, q)
		if err != nil {
			return s, err
		}
		s.Dead += n
	}
	if s.Effects, err = b.Effects(ctx); err != nil {
		return s, err
	}
	s.At = contracts.InstantOf(time.Now())
	return s, nil
}

// lettersOf returns the queues of messages and stream records that could not be handled.
func lettersOf(specification topology.Topology) []string {
	all := map[string]bool{}
	for _, q := range specification.Queues {
		all[q.DeadLetterQueue] = true
	}
	for _, f := range specification.Functions {
		if f.Stream != nil {
			all[f.Stream.OnFailure] = true
		}
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}

// groups returns the groups of both sample concerts that the API shows as loaded, with their state in Redis, and the other
// groups. Seat maps are read from Redis, since those of the API may be a second old.
func (b *Bed) groups(ctx context.Context) (groups []invariants.Group, notLoaded []contracts.SeatGroup, err error) {
	anyone, err := b.Buyer("")
	if err != nil {
		return nil, nil, err
	}
	for _, concert := range []string{b.Concert, b.Arena} {
		layout, err := b.Layout(ctx, concert)
		if err != nil {
			return nil, nil, err
		}
		var now apiclient.Availability
		if err := anyone.Get(ctx, "/concerts/"+concert+"/availability", &now); err != nil {
			return nil, nil, err
		}
		for i, g := range layout.Groups {
			key := contracts.SeatGroup{ConcertID: concert, Group: g.Group}
			if now.Groups[i].State != "ready" {
				notLoaded = append(notLoaded, key)
				continue
			}
			groups = append(groups, invariants.Group{SeatGroup: key, Seats: g.Seats})
		}
	}
	return groups, notLoaded, b.readRedis(ctx, groups)
}

// SeatMap reads the seat map of a group from Redis.
func (b *Bed) SeatMap(ctx context.Context, g contracts.SeatGroup) (seatstate.SeatMap, error) {
	seats, err := b.Redis.Get(ctx, seatstate.KeysOf(g).Map).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("read the map of %s: %w", g.Key(), err)
	}
	return seatstate.SeatMap(seats), nil
}

// readRedis reads each group's seat map, entries and records from Redis, in one round trip.
func (b *Bed) readRedis(ctx context.Context, groups []invariants.Group) error {
	seats, orders := make([]*redis.MapStringStringCmd, len(groups)), make([]*redis.MapStringStringCmd, len(groups))
	maps := make([]*redis.SliceCmd, len(groups))
	if _, err := b.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, g := range groups {
			keys := seatstate.KeysOf(g.SeatGroup)
			seats[i], orders[i], maps[i] = p.HGetAll(ctx, keys.Seats), p.HGetAll(ctx, keys.Orders), p.MGet(ctx, keys.Map)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("read the groups in Redis: %w", err)
	}
	for i := range groups {
		g := &groups[i]
		shown, _ := maps[i].Val()[0].(string)
		g.Map = seatstate.SeatMap(shown)
		g.Entries, g.Records = map[int]seatstate.Entry{}, map[contracts.OrderID]seatstate.Record{}
		for field, text := range seats[i].Val() {
			place, err := strconv.Atoi(field)
			if err != nil {
				return fmt.Errorf("group %s: place %q: %w", g.Key(), field, err)
			}
			if g.Entries[place], err = seatstate.ParseEntry(text); err != nil {
				return fmt.Errorf("group %s: %w", g.Key(), err)
			}
		}
		for id, text := range orders[i].Val() {
			record, err := seatstate.ParseRecord(text)
			if err != nil {
				return fmt.Errorf("group %s: %w", g.Key(), err)
			}
			g.Records[contracts.OrderID(id)] = record
		}
	}
	return nil
}

// layouts returns the groups of the layout versions that are frozen or in which orders hold seats. A frozen version never
// changes, so it is read once.
func (b *Bed) layouts(ctx context.Context, concerts []readmodel.Concert, orders []readmodel.Order) (map[string][]readmodel.LayoutGroup, error) {
	frozen := map[string]bool{}
	for _, c := range concerts {
		if c.LayoutFrozen > 0 {
			frozen[readmodel.LayoutKey(c.ConcertID, c.LayoutFrozen)] = true
		}
	}
	for _, o := range orders {
		if o.HeldAt != 0 {
			frozen[readmodel.LayoutKey(o.ConcertID, o.LayoutVersion)] = true
		}
	}
	all := map[string][]readmodel.LayoutGroup{}
	for key := range frozen {
		if kept, ok := b.frozen.Load(key); ok {
			all[key] = kept.([]readmodel.LayoutGroup)
			continue
		}
		groups, err := b.layoutGroups(ctx, key)
		if err != nil {
			return nil, err
		}
		b.frozen.Store(key, groups)
		all[key] = groups
	}
	return all, nil
}

func (b *Bed) layoutGroups(ctx context.Context, key string) ([]readmodel.LayoutGroup, error) {
	key += "#" + string(layoutitem.UseSeats)
	out, err := b.Dynamo.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(b.Table("layouts")), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"layoutItem": &types.AttributeValueMemberS{Value: key}},
	})
	if err != nil {
		return nil, fmt.Errorf("read layout item %s: %w", key, err)
	}
	var item readmodel.LayoutItem
	if err := attributevalue.UnmarshalMap(out.Item, &item); err != nil {
		return nil, fmt.Errorf("read layout item %s: %w", key, err)
	}
	if out.Item == nil {
		return nil, nil
	}
	groups, err := layoutitem.DecodeSeats(item.Body)
	if err != nil {
		return nil, fmt.Errorf("read layout item %s: %w", key, err)
	}
	return groups, nil
}
