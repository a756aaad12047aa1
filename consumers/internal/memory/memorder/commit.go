package memorder

import (
	"context"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Commit writes the tickets of all seats, none of which may exist, and the row, if the stored one is still before. It returns
// retry.ErrMoved, or else an order.SeatsTakenError.
func (s *Store) Commit(_ context.Context, before, after order.Order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = nil
	g := after.SeatGroup().Key()
	if s.moved(before) {
		return retry.ErrMoved
	}
	taken := &order.SeatsTakenError{}
	for _, seat := range after.Seats {
		if _, sold := s.tickets[g][seat]; sold {
			taken.Seats = append(taken.Seats, seat)
		}
	}
	if len(taken.Seats) > 0 {
		return taken
	}
	if s.tickets[g] == nil {
		s.tickets[g] = map[string]contracts.OrderID{}
	}
	for _, seat := range after.Seats {
		s.tickets[g][seat] = after.OrderID
	}
	s.write(before, after)
	return nil
}

// Withdraw deletes the tickets of all seats, each of which must be the order's, and writes the row, if the stored one is
// still before; else it returns retry.ErrMoved.
func (s *Store) Withdraw(_ context.Context, before, after order.Order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = nil
	g := after.SeatGroup().Key()
	if s.moved(before) {
		return retry.ErrMoved
	}
	for _, seat := range after.Seats {
		if s.tickets[g][seat] != after.OrderID {
			return retry.ErrMoved
		}
	}
	for _, seat := range after.Seats {
		delete(s.tickets[g], seat)
	}
	s.counted[readmodel.AllowanceKey(after.ConcertID, after.UserID)] += after.Counted - before.Counted
	s.write(before, after)
	return nil
}

// moved says whether the stored row is not before. The lock is held.
func (s *Store) moved(before order.Order) bool {
	stored, found := s.rows[before.OrderID]
	return !found || stored.Version != before.Version || stored.Status != before.Status
}
