package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// many is a world of many concerts on sale. Its groups have four seats each, and come into Redis when they are first looked
// at, so that those that a run leaves alone cost no memory, or as a RebuildGroup asks for it once they are wiped.
type many struct {
	*world
	groups map[string]int // by concert
	// wiped says that no group is there that was not loaded by a RebuildGroup. broken are concerts whose groups cannot be.
	wiped  bool
	broken map[string]bool
	// held says that each group that is loaded has a hold without a row.
	held   bool
	loaded map[contracts.SeatGroup]bool
	tokens int64
	// looked is how often each group was asked for, in all; largest the most groups in one call.
	looked  map[contracts.SeatGroup]int
	largest int
}

// newMany has concerts of the same number of groups, on sale from minute 100 to 2000.
func newMany(t testing.TB, concerts, groups int) *many {
	t.Helper()
	m := &many{world: newWorld(t), groups: map[string]int{}, broken: map[string]bool{}, loaded: map[contracts.SeatGroup]bool{}, looked: map[contracts.SeatGroup]int{}}
	m.concerts = nil
	for i := range concerts {
		m.concert(fmt.Sprintf("c-%06d", i), groups, 100*minute)
	}
	m.restart()
	return m
}

func (m *many) concert(id string, groups int, onSale contracts.Instant) {
	m.groups[id] = groups
	m.concerts = append(m.concerts, readmodel.Concert{ConcertID: id, OnSaleAt: onSale, OffSaleAt: 2000 * minute, LayoutVersion: 1, LayoutFrozen: 1})
}

// restart is a new process.
func (m *many) restart() {
	m.world.restart()
	m.reconciler.Catalogue, m.reconciler.Groups, m.reconciler.Sender = m, m, m
}

func (m *many) run(t testing.TB) (reconcile.Report, error) {
	t.Helper()
	return m.reconciler.Run(t.Context())
}

func (m *many) Complete(context.Context, string, int) error { return m.call("complete") }

func (m *many) Layout(_ context.Context, concertID string, _ int) ([]readmodel.LayoutGroup, error) {
	if err := m.call("layout"); err != nil {
		return nil, err
	}
	layout := make([]readmodel.LayoutGroup, m.groups[concertID])
	for i := range layout {
		layout[i] = readmodel.LayoutGroup{Group: fmt.Sprintf("G-%d", i), Seats: []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4"}}
	}
	return layout, nil
}

func (m *many) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	if err := m.call("maps"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.largest = max(m.largest, len(groups))
	for _, g := range groups {
		m.looked[g.SeatGroup]++
		if !m.wiped && !m.loaded[g.SeatGroup] {
			if err := m.load(ctx, g.SeatGroup); err != nil {
				return nil, err
			}
		}
	}
	m.mu.Unlock()
	return m.store.Maps(ctx, groups)
}

// load needs the lock.
func (m *many) load(ctx context.Context, g contracts.SeatGroup) error {
	m.tokens++
	if _, err := m.store.Lock(ctx, g, m.tokens, time.Minute); err != nil {
		return err
	}
	m.loaded[g] = true
	if err := m.store.Load(ctx, v1(g), holds.Load{Token: m.tokens, Places: 4}); err != nil || !m.held {
		return err
	}
	_, err := holdtest.Hold(ctx, m.store, v1(g), holds.Ask{Order: ordertest.NewID(), Hash: "h", Places: []int{0}})
	return err
}

// Send loads the groups that a RebuildGroup asks for, as reserve would.
func (m *many) Send(ctx context.Context, messages ...message.Encoded) error {
	if err := m.world.Send(ctx, messages...); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, sent := range messages {
		if g := sent.Attributes.SeatGroup(); sent.Attributes.Kind == message.KindRebuildGroup && !m.broken[g.ConcertID] {
			if err := m.load(ctx, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// rebuilds are the groups that a RebuildGroup was sent for, in its order.
func (m *many) rebuilds() (groups []contracts.SeatGroup) {
	for _, sent := range m.sent {
		if sent.Attributes.Kind == message.KindRebuildGroup {
			groups = append(groups, sent.Attributes.SeatGroup())
		}
	}
	return groups
}
