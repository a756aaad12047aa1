// Package memorder keeps orders in memory under the same promises as dynamoorder; ordertest holds both to them.
package memorder

import (
	"context"
	"sync"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// Store is safe for concurrent use. The zero Store is not ready; use New.
type Store struct {
	mu      sync.Mutex
	rows    map[contracts.OrderID]order.Order
	tickets map[string]map[string]contracts.OrderID
	tokens  map[string]int64
}

// New makes an empty Store.
func New() *Store {
	return &Store{
		rows:    map[contracts.OrderID]order.Order{},
		tickets: map[string]map[string]contracts.OrderID{},
		tokens:  map[string]int64{},
	}
}

// PutIfAbsent writes the first version of a row, or answers the one that is there and false.
func (s *Store) PutIfAbsent(_ context.Context, o order.Order) (order.Order, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stored, found := s.rows[o.OrderID]; found {
		return stored, false, nil
	}
	s.rows[o.OrderID] = o
	return o, true, nil
}

// Update writes the next version of a row if the stored one has the status and version of before.
func (s *Store) Update(_ context.Context, before, after order.Order) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, found := s.rows[after.OrderID]
	if !found || stored.Version != before.Version || stored.Status != before.Status {
		return false, nil
	}
	s.rows[after.OrderID] = after
	return true, nil
}

// Read answers a row.
func (s *Store) Read(_ context.Context, id contracts.OrderID) (order.Order, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, found := s.rows[id]
	return o, found, nil
}

// ReadMany answers the rows that are there, in the order of the ids.
func (s *Store) ReadMany(_ context.Context, ids []contracts.OrderID) ([]order.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []order.Order
	for _, id := range ids {
		if o, found := s.rows[id]; found {
			rows = append(rows, o)
		}
	}
	return rows, nil
}

// OpenIDs answers the orders with a due step in a group, in no order.
func (s *Store) OpenIDs(_ context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []contracts.OrderID
	for id, o := range s.rows {
		if o.OpenGroup == g.Key() {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// PutTicket gives a seat to an order, for tests: no handler writes tickets yet.
func (s *Store) PutTicket(g contracts.SeatGroup, seat string, owner contracts.OrderID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tickets[g.Key()] == nil {
		s.tickets[g.Key()] = map[string]contracts.OrderID{}
	}
	s.tickets[g.Key()][seat] = owner
}

// Tickets answers a copy of the group's tickets: seat name to owner.
func (s *Store) Tickets(_ context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owners := map[string]contracts.OrderID{}
	for seat, owner := range s.tickets[g.Key()] {
		owners[seat] = owner
	}
	return owners, nil
}

// NextToken answers a number higher than every one before for the group.
func (s *Store) NextToken(_ context.Context, g contracts.SeatGroup) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[g.Key()]++
	return s.tokens[g.Key()], nil
}
