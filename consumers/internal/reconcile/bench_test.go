package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// counter counts the calls to ports that have no World between them and their stores, whose cost would be measured too.
type counter struct {
	mu sync.Mutex
	n  map[world.Call]int
}

func (c *counter) add(call world.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[call]++
}

// crowd is the orders of a benchmark: an index of many, of which those that are due have rows.
type crowd struct {
	*memorder.Store
	*counter
	index *memorder.Index
}

// newCrowd has so many open orders, 20 a group, of which one in a hundred is due.
func newCrowd(b *testing.B, m *many, calls *counter, open int) crowd {
	b.Helper()
	c := crowd{Store: memorder.New(), counter: calls}
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
	c.add(world.DuePage)
	return c.index.Page(scan)
}

func (c crowd) ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error) {
	c.add(world.ReadMany)
	return c.Store.ReadMany(ctx, ids)
}

// OpenIDs has none: the groups that are compared are others than those of the orders.
func (c crowd) OpenIDs(context.Context, contracts.SeatGroup) ([]contracts.OrderID, error) {
	c.add(world.OpenIDs)
	return nil, nil
}

func (c crowd) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	c.add(world.Tickets)
	return c.Store.Tickets(ctx, g)
}

// counted counts what is sent and keeps none of it.
type counted struct{ *counter }

func (c counted) Send(context.Context, ...message.Encoded) error {
	c.add(world.Send)
	return nil
}

// loadedGroups is the groups of a benchmark, which are all loaded.
type loadedGroups struct {
	*memhold.Store
	*counter
}

func (g loadedGroups) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	g.add(world.Maps)
	return g.Store.Maps(ctx, groups)
}

func (g loadedGroups) Sweep(ctx context.Context, in seatstate.GroupVersion) (int, error) {
	g.add(world.Sweep)
	return g.Store.Sweep(ctx, in)
}

func (g loadedGroups) State(ctx context.Context, in seatstate.GroupVersion) (holds.State, error) {
	g.add(world.State)
	return g.Store.State(ctx, in)
}

func (g loadedGroups) Repair(ctx context.Context, in seatstate.GroupVersion, epoch int64, c []holds.Change) (holds.Repaired, error) {
	g.add(world.Repair)
	return g.Store.Repair(ctx, in, epoch, c)
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
				calls := &counter{n: map[world.Call]int{}}
				rows := newCrowd(b, m, calls, open)
				m.ForgetCalls()
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					m.restart()
					m.reconciler.Rows, m.reconciler.Sender, m.reconciler.Groups = rows, counted{calls}, loadedGroups{m.Holds, calls}
					report, err := m.run(b)
					if err != nil || report.Expired != open/100 || report.Groups != min(groups, 2000) {
						b.Fatalf("%+v, %v", report, err)
					}
					m.SetTime(m.Instant() + minute)
				}
				b.StopTimer()
				counts := m.counts()
				maps.Copy(counts, calls.n)
				for unit, of := range map[string][]world.Call{
					"dynamodb/op": {world.DuePage, world.ReadMany, world.Concerts, world.Layout, world.Tickets, world.OpenIDs},
					"redis/op":    {world.Maps, world.Sweep, world.State, world.Repair}, "sqs/op": {world.Send, receiveLetters},
				} {
					n := 0
					for _, call := range of {
						n += counts[call]
					}
					b.ReportMetric(float64(n)/float64(b.N), unit)
				}
			})
		}
	}
}
