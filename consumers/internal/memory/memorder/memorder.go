// Package memorder stores orders in memory, with the promises of dynamoorder; ordertest checks both.
package memorder

import (
	"context"
	"maps"
	"strings"
	"sync"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
)

// Store has rows, tickets, allowances and tokens. It is safe for concurrent use, does not block, and each method is atomic
// but PutAll, which is atomic for each row. The zero Store is not ready; use New.
type Store struct {
	mu      sync.Mutex
	rows    map[contracts.OrderID]order.Order
	tickets map[string]map[string]contracts.OrderID
	tokens  map[string]int64
	// counted is the number of seats counted for a buyer and a concert, by readmodel.AllowanceKey.
	counted map[string]int
	// revocations has the codes that became invalid.
	revocations []readmodel.Revocation
	// index is the index of open orders; nil when a row was written since it was made.
	index *Index
}

// New makes an empty Store.
func New() *Store {
	return &Store{
		rows:    map[contracts.OrderID]order.Order{},
		tickets: map[string]map[string]contracts.OrderID{},
		tokens:  map[string]int64{},
		counted: map[string]int{},
	}
}

// PutAll writes first versions of rows, each if there is none. See order.PutOutcome.
func (s *Store) PutAll(_ context.Context, rows []order.Order) []order.PutResult {
	results := make([]order.PutResult, len(rows))
	for i, row := range rows {
		results[i] = s.put(row)
	}
	return results
}

func (s *Store) put(row order.Order) order.PutResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = nil
	if stored, found := s.rows[row.OrderID]; found {
		return order.PutResult{Outcome: order.PutRefused, Stored: stored}
	}
	key := readmodel.AllowanceKey(row.ConcertID, row.UserID)
	if row.Counted > 0 && s.counted[key]+row.Counted > row.BuyerLimit {
		return order.PutResult{Outcome: order.PutOverLimit}
	}
	s.counted[key] += row.Counted
	s.rows[row.OrderID] = row
	return order.PutResult{Outcome: order.PutDone, Stored: row}
}

// Update writes the next version of a row if the stored one has the status and version of before, and with it moves
// the buyer's allowance by the change of Counted; else it returns retry.ErrMoved.
func (s *Store) Update(_ context.Context, before, after order.Order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = nil
	if s.moved(before) {
		return retry.ErrMoved
	}
	s.counted[readmodel.AllowanceKey(after.ConcertID, after.UserID)] += after.Counted - before.Counted
	s.write(before, after)
	return nil
}

// write stores the next version of a row with the attributes of before that no program knows. The lock is held.
func (s *Store) write(before, after order.Order) {
	if row, found := ticketcode.RevocationOf(before.Order, after.Order); found {
		s.revocations = append(s.revocations, row)
	}
	after.Rest = before.Rest
	s.rows[after.OrderID] = after
}

// Revocations returns the codes that versions of an order made invalid.
func (s *Store) Revocations(concertID string, by contracts.OrderID) (rows []readmodel.Revocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.revocations {
		if row.ConcertID == concertID && strings.HasPrefix(row.OrderVersion, string(by)+"#") {
			rows = append(rows, row)
		}
	}
	return rows
}

// RejectLost writes the REJECTED version of an open row if the stored one is still before, and a ticket of that seat
// still belongs to another order; else it returns retry.ErrMoved.
func (s *Store) RejectLost(ctx context.Context, before, after order.Order, seat string) error {
	s.mu.Lock()
	owner, sold := s.tickets[after.SeatGroup().Key()][seat]
	s.mu.Unlock()
	if !sold || owner == after.OrderID {
		return retry.ErrMoved
	}
	return s.Update(ctx, before, after)
}

// SetUnknown gives a row an attribute that no program knows, for tests. Unknown reads it.
func (s *Store) SetUnknown(id contracts.OrderID, path, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.rows[id]
	rest, _ := o.Rest.(map[string]string)
	if rest = maps.Clone(rest); rest == nil {
		rest = map[string]string{}
	}
	rest[path] = value
	o.Rest = rest
	s.rows[id] = o
}

// Unknown returns the value of an attribute of SetUnknown, "" if the row does not have it any more.
func (s *Store) Unknown(id contracts.OrderID, path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest, _ := s.rows[id].Rest.(map[string]string)
	return rest[path]
}

// Allowance returns how many seats are counted for a buyer.
func (s *Store) Allowance(_ context.Context, concertID, userID string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counted[readmodel.AllowanceKey(concertID, userID)], nil
}

// Read returns a row; found is false when there is none.
func (s *Store) Read(_ context.Context, id contracts.OrderID) (order.Order, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, found := s.rows[id]
	return o, found, nil
}

// ReadMany returns the rows that exist, in the order of the ids.
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

// OpenIDs returns the orders with a due step in a group, in no order.
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

// PutTicket writes the ticket of a seat without any condition, for tests.
func (s *Store) PutTicket(g contracts.SeatGroup, seat string, owner contracts.OrderID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tickets[g.Key()] == nil {
		s.tickets[g.Key()] = map[string]contracts.OrderID{}
	}
	s.tickets[g.Key()][seat] = owner
}

// RemoveTicket deletes a ticket, for tests.
func (s *Store) RemoveTicket(g contracts.SeatGroup, seat string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tickets[g.Key()], seat)
}

// Ticket returns the owner of one ticket; found is false when the seat has none.
func (s *Store) Ticket(_ context.Context, g contracts.SeatGroup, seat string) (owner contracts.OrderID, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, found = s.tickets[g.Key()][seat]
	return owner, found, nil
}

// Tickets returns a copy of the group's tickets: seat name to owner.
func (s *Store) Tickets(_ context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owners := map[string]contracts.OrderID{}
	for seat, owner := range s.tickets[g.Key()] {
		owners[seat] = owner
	}
	return owners, nil
}

// CountTickets returns how many seats of each order have a ticket of that order.
func (s *Store) CountTickets(_ context.Context, rows []order.Order) (map[contracts.OrderID]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[contracts.OrderID]int{}
	for _, row := range rows {
		for _, seat := range row.Seats {
			if s.tickets[row.SeatGroup().Key()][seat] == row.OrderID {
				counts[row.OrderID]++
			}
		}
	}
	return counts, nil
}

// NextToken returns a number higher than every earlier one of the group.
func (s *Store) NextToken(_ context.Context, g contracts.SeatGroup) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[g.Key()]++
	return s.tokens[g.Key()], nil
}
