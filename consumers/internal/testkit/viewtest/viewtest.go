// Package viewtest has a table overview in memory, and the suite that it and the real one pass. It is for tests only.
package viewtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"boxoffice/consumers/internal/reconcile"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Memory is a table overview in memory. The zero Memory is empty. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	items reconcile.ViewItems
}

var errTooMany = errors.New("too many items in one call")

// Read implements reconcile.ViewStore.
func (m *Memory) Read(_ context.Context, concertIDs []string) (reconcile.ViewItems, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	read := reconcile.ViewItems{Sales: m.items.Sales, Settled: m.items.Settled, Concerts: map[string]readmodel.ConcertSeats{}}
	if o := m.items.Overview; o != nil && o.Form <= readmodel.OverviewForm {
		read.Overview = o
	}
	for _, id := range concertIDs {
		if seats, found := m.items.Concerts[id]; found && seats.Form <= readmodel.OverviewForm {
			read.Concerts[id] = seats
		}
	}
	return read, nil
}

// Write implements reconcile.ViewStore.
func (m *Memory) Write(_ context.Context, items reconcile.ViewItems) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(items.Concerts)
	if items.Overview != nil {
		m.items.Overview = items.Overview
		n++
	}
	if items.Sales != nil {
		m.items.Sales = items.Sales
		n++
	}
	if n > reconcile.MaxViewItems {
		return fmt.Errorf("%w: %d", errTooMany, n)
	}
	if m.items.Concerts == nil {
		m.items.Concerts = map[string]readmodel.ConcertSeats{}
	}
	for id, seats := range items.Concerts {
		m.items.Concerts[id] = seats
	}
	return nil
}

// Count sets the count of settled orders, as publish does.
func (m *Memory) Count(settled readmodel.SettledOrders) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items.Settled = &settled
}

// Seats returns what is stored of a concert.
func (m *Memory) Seats(concertID string) readmodel.ConcertSeats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.items.Concerts[concertID]
}

// Sample returns an overview with something in each attribute.
func Sample(at contracts.Instant) readmodel.Overview {
	visible, inFlight, delayed, letters, lag := 3, 1, 0, 2, int64(350)
	return readmodel.Overview{
		Item: readmodel.OverviewItem, Form: readmodel.OverviewForm, At: at, Missing: []string{readmodel.PartSeats},
		Queues: []readmodel.QueueState{{
			Name: "orders", Visible: &visible, InFlight: &inFlight, Delayed: &delayed, LagMs: &lag, DeadLetters: &letters,
			History: []readmodel.QueuePoint{{At: at - 60_000, Visible: 9}, {At: at, Visible: 3, LagMs: &lag}},
		}, {Name: "orders-dead"}},
		Orders: readmodel.OrderCounts{
			Open: map[contracts.Status]int{contracts.Held: 1, contracts.AwaitingPayment: 0}, OpenAt: at,
			Settled: map[contracts.Status]int{contracts.Confirmed: 7}, SettledSince: 5,
		},
		Concerts: []readmodel.ConcertTotals{{ConcertID: "c", Sale: readmodel.SaleOpen, At: at, Groups: 2, Known: 1, Free: 3, Held: 2, Sold: 1}}, LeftOut: 4,
		Breakers: []readmodel.OpenBreaker{{Name: "redis", Since: at}}, Alarms: []readmodel.RaisedAlarm{{Name: "dead-letters", Since: at, Value: 1}},
		Unchecked: []string{"mirror-late"}, MoreLetters: true, FailedRuns: []contracts.Instant{at},
	}
}

func seats(id string, at contracts.Instant) readmodel.ConcertSeats {
	lag := int64(40)
	return readmodel.ConcertSeats{
		Item: readmodel.ConcertItem(id), Form: readmodel.OverviewForm, ConcertID: id, LayoutVersion: 2, ExpiresAt: 4_000_000_000,
		Groups: []readmodel.GroupSeats{
			{Group: "A", Section: "stalls", Tier: "t1", At: at, State: readmodel.GroupReady, Free: 3, Held: 2, Sold: 1, LagMs: &lag},
			{Group: "B", Section: "stalls", Tier: "t2", At: at, State: readmodel.GroupLoading},
		},
	}
}

// Exercise is the suite of a reconcile.ViewStore. newStore makes an empty one.
func Exercise(t *testing.T, newStore func(t *testing.T) reconcile.ViewStore) {
	t.Helper()
	read := func(t *testing.T, s reconcile.ViewStore, ids ...string) reconcile.ViewItems {
		t.Helper()
		items, err := s.Read(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		return items
	}
	t.Run("an empty table has nothing", func(t *testing.T) {
		if items := read(t, newStore(t), "c"); items.Overview != nil || items.Sales != nil || items.Settled != nil || len(items.Concerts) > 0 {
			t.Errorf("read %+v", items)
		}
	})
	t.Run("what is written is read, each item as a whole", func(t *testing.T) {
		s := newStore(t)
		for _, at := range []contracts.Instant{1000, 2000} {
			o := Sample(at)
			if at == 2000 {
				o.Breakers, o.Alarms, o.Missing = nil, nil, nil
			}
			sales := readmodel.Sales{Item: readmodel.SalesItem, At: at, Concerts: map[string]readmodel.SeatCount{"c": {At: at, Free: 1, Total: 2}}}
			concerts := map[string]readmodel.ConcertSeats{"c": seats("c", at), "d": seats("d", at)}
			if err := s.Write(t.Context(), reconcile.ViewItems{Overview: &o, Sales: &sales, Concerts: concerts}); err != nil {
				t.Fatal(err)
			}
			items := read(t, s, "c", "none")
			if !reflect.DeepEqual(*items.Overview, o) || !reflect.DeepEqual(*items.Sales, sales) {
				t.Errorf("read %+v and %+v", *items.Overview, *items.Sales)
			}
			if !reflect.DeepEqual(items.Concerts, map[string]readmodel.ConcertSeats{"c": concerts["c"]}) {
				t.Errorf("read %+v", items.Concerts)
			}
		}
	})
	t.Run("an item of a later form counts as none", func(t *testing.T) {
		s := newStore(t)
		o, c := Sample(1000), seats("c", 1000)
		o.Form, c.Form = readmodel.OverviewForm+1, readmodel.OverviewForm+1
		if err := s.Write(t.Context(), reconcile.ViewItems{Overview: &o, Concerts: map[string]readmodel.ConcertSeats{"c": c}}); err != nil {
			t.Fatal(err)
		}
		if items := read(t, s, "c"); items.Overview != nil || len(items.Concerts) > 0 {
			t.Errorf("read %+v", items)
		}
	})
	t.Run("more concerts than one call of the store takes are read", func(t *testing.T) {
		s := newStore(t)
		var ids []string
		for i := range 130 {
			ids = append(ids, fmt.Sprintf("c-%d", i))
			if err := s.Write(t.Context(), reconcile.ViewItems{Concerts: map[string]readmodel.ConcertSeats{ids[i]: seats(ids[i], 1)}}); err != nil {
				t.Fatal(err)
			}
		}
		if items := read(t, s, ids...); len(items.Concerts) != 130 {
			t.Errorf("%d concerts", len(items.Concerts))
		}
	})
	t.Run("too many items in one call are refused", func(t *testing.T) {
		many := map[string]readmodel.ConcertSeats{}
		for i := range reconcile.MaxViewItems + 1 {
			id := fmt.Sprintf("c-%d", i)
			many[id] = seats(id, 1)
		}
		if err := newStore(t).Write(t.Context(), reconcile.ViewItems{Concerts: many}); err == nil {
			t.Error("they are written")
		}
	})
}
