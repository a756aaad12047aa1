package reconcile_test

import (
	"context"
	"fmt"
	"testing"

	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// crowd is the orders of a benchmark: an index of many, of which those that are due have rows.
type crowd struct {
	*memorder.Store
	m     *many
	index *memorder.Index
}

// newCrowd has so many open orders, 20 a group, of which one in a hundred is due.
func newCrowd(b *testing.B, m *many, open int) crowd {
	b.Helper()
	c := crowd{Store: memorder.New(), m: m}
	keys := make([]memorder.Key, open)
	var puts []order.Order
	for i := range keys {
		g := contracts.SeatGroup{ConcertID: fmt.Sprintf("o-%06d", i/2000), Group: fmt.Sprintf("G-%d", i/20%100)}
		keys[i] = memorder.Key{Group: g.Key(), DueAt: 1_000_000 * minute, OrderID: contracts.OrderID(fmt.Sprintf("e1%030d", i))}
		if i%100 != 0 {
			continue
		}
		placed := ordertest.Placed(g, "A-1-1")
		held := order.Hold{Seats: placed.Seats, HeldAt: m.Instant() - 10*minute, ExpiresAt: m.Instant() - 5*minute, BuyerLimit: 8}
		row := order.NewHeld(placed, "1", held, order.Cause{Kind: message.KindPlaceOrder, At: held.HeldAt})
		puts = append(puts, row)
		keys[i] = memorder.Key{Group: g.Key(), DueAt: row.DueAt, OrderID: row.OrderID}
	}
	for _, r := range c.PutAll(b.Context(), puts) {
		if r.Outcome != order.PutDone {
			b.Fatalf("put: %+v", r)
		}
	}
	c.index = memorder.NewIndex(keys)
	return c
}

func (c crowd) DuePage(_ context.Context, scan order.DueScan) (order.DuePage, error) {
	return world.Do(c.m.World, world.DuePage, nil, func() (order.DuePage, error) { return c.index.Page(scan) })
}

func (c crowd) ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error) {
	return world.Do(c.m.World, world.ReadMany, nil, func() ([]order.Order, error) { return c.Store.ReadMany(ctx, ids) })
}

// OpenIDs has none: the groups that are compared are others than those of the orders.
func (c crowd) OpenIDs(context.Context, contracts.SeatGroup) ([]contracts.OrderID, error) {
	return world.Do(c.m.World, world.OpenIDs, nil, func() ([]contracts.OrderID, error) { return nil, nil })
}

func (c crowd) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	return world.Do(c.m.World, world.Tickets, nil, func() (map[string]contracts.OrderID, error) { return c.Store.Tickets(ctx, g) })
}

// counted counts what is sent and keeps none of it.
type counted struct{ m *many }

func (c counted) Send(context.Context, ...message.Encoded) error {
	_, err := world.Do(c.m.World, world.Send, nil, func() (struct{}, error) { return struct{}{}, nil })
	return err
}

// BenchmarkRun is a run of a process that has just started, which compares all groups that it reads, over stores in
// memory: what the run itself costs, and how many calls it makes. README.md has its table.
func BenchmarkRun(b *testing.B) {
	for _, groups := range []int{10, 1_000, 100_000} {
		m := newMany(b, (groups+99)/100, min(groups, 100))
		for _, c := range m.Catalog.Concerts {
			for i := range m.groups[c.ConcertID] {
				if err := m.load(b.Context(), contracts.SeatGroup{ConcertID: c.ConcertID, Group: fmt.Sprintf("G-%d", i)}); err != nil {
					b.Fatal(err)
				}
			}
		}
		for _, open := range []int{1_000, 10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("groups=%d/open=%d", groups, open), func(b *testing.B) {
				rows := newCrowd(b, m, open)
				m.ForgetCalls()
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					m.restart()
					m.reconciler.Rows, m.reconciler.Sender = rows, counted{m}
					report, err := m.run(b)
					if err != nil || report.Expired != open/100 || report.Groups != min(groups, 2000) {
						b.Fatalf("%+v, %v", report, err)
					}
					m.SetTime(m.Instant() + minute)
				}
				b.StopTimer()
				counts := m.counts()
				for unit, calls := range map[string][]world.Call{
					"dynamodb/op": {world.DuePage, world.ReadMany, world.Concerts, world.Layout, world.Tickets, world.OpenIDs},
					"redis/op":    {world.Maps, world.Sweep, world.State, world.Repair}, "sqs/op": {world.Send, receiveLetters},
				} {
					n := 0
					for _, call := range calls {
						n += counts[call]
					}
					b.ReportMetric(float64(n)/float64(b.N), unit)
				}
			})
		}
	}
}
