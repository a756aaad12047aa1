package reconcile_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// many is a fixture of many concerts on sale. Its groups have four seats each. They are loaded when their maps are first read, so
// that groups that no run reads cost no memory, or, once they are wiped, when a RebuildGroup asks for it.
type many struct {
	*fixture
	groups map[string]int // by concert
	mu     sync.Mutex
	// wiped says that only groups for which a RebuildGroup was sent are loaded. broken are concerts whose groups cannot be loaded.
	wiped  bool
	broken map[string]bool
	// held says that each group that is loaded has a hold without a row.
	held   bool
	loaded map[contracts.SeatGroup]bool
	tokens int64
	// looked is how often the map of each group was read; largest is the most groups in one call.
	looked  map[contracts.SeatGroup]int
	largest int
}

// newMany has concerts of the same number of groups, on sale from minute 100 to 2000.
func newMany(t testing.TB, concerts, groups int) *many {
	t.Helper()
	m := &many{fixture: newFixture(t), groups: map[string]int{}, broken: map[string]bool{}, loaded: map[contracts.SeatGroup]bool{}, looked: map[contracts.SeatGroup]int{}}
	m.Catalog.Concerts, m.Catalog.Layout = nil, m.layout
	for i := range concerts {
		m.concert(fmt.Sprintf("c-%06d", i), groups, 100*minute)
	}
	m.restart()
	return m
}

func (m *many) concert(id string, groups int, onSale contracts.Instant) {
	m.groups[id] = groups
	m.Catalog.Concerts = append(m.Catalog.Concerts, readmodel.Concert{ConcertID: id, OnSaleAt: onSale, OffSaleAt: 2000 * minute, LayoutVersion: 1, LayoutFrozen: 1})
}

// restart begins a new process.
func (m *many) restart() {
	m.fixture.restart()
	m.reconciler.Groups, m.reconciler.Sender = manyGroups{m.Groups(), m}, manySender{m.Sender(), m}
}

func (m *many) run(t testing.TB) (reconcile.Report, error) {
	t.Helper()
	return m.reconciler.Run(t.Context())
}

// layout is the groups of a concert.
func (m *many) layout(concertID string, _ int) []readmodel.LayoutGroup {
	layout := make([]readmodel.LayoutGroup, m.groups[concertID])
	for i := range layout {
		layout[i] = readmodel.LayoutGroup{Group: fmt.Sprintf("G-%d", i), Seats: []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4"}}
	}
	return layout
}

// manyGroups is the port of groups that loads those that are first read, unless they are wiped.
type manyGroups struct {
	world.Groups
	m *many
}

func (p manyGroups) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	if err := p.m.reads(ctx, groups); err != nil {
		return nil, err
	}
	return p.Groups.Maps(ctx, groups)
}

// reads counts the groups of a call, and loads them.
func (m *many) reads(ctx context.Context, groups []seatstate.GroupVersion) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.largest = max(m.largest, len(groups))
	for _, g := range groups {
		m.looked[g.SeatGroup]++
		if !m.wiped && !m.loaded[g.SeatGroup] {
			if err := m.load(ctx, g.SeatGroup); err != nil {
				return err
			}
		}
	}
	return nil
}

// load loads a group. The lock is held.
func (m *many) load(ctx context.Context, g contracts.SeatGroup) error {
	m.tokens++
	if _, err := m.Holds.Lock(ctx, g, m.tokens, time.Minute); err != nil {
		return err
	}
	m.loaded[g] = true
	if err := m.Holds.Load(ctx, v1(g), holds.Load{Token: m.tokens, Places: 4}); err != nil || !m.held {
		return err
	}
	_, err := holdtest.Hold(ctx, m.Holds, v1(g), holds.Ask{Order: ordertest.NewID(), Hash: "h", Places: []int{0}})
	return err
}

// manySender is the port of queues that loads the groups that a RebuildGroup asks for, as reserve does.
type manySender struct {
	world.Sender
	m *many
}

func (p manySender) Send(ctx context.Context, messages ...message.Encoded) error {
	if err := p.Sender.Send(ctx, messages...); err != nil {
		return err
	}
	m := p.m
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

// rebuilds is the groups that a RebuildGroup was sent for, in their order.
func (m *many) rebuilds() (groups []contracts.SeatGroup) {
	for _, sent := range m.Sent() {
		if sent.Attributes.Kind == message.KindRebuildGroup {
			groups = append(groups, sent.Attributes.SeatGroup())
		}
	}
	return groups
}
