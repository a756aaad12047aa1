package world

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// Orders is the port of orders and tickets, over Rows. Its calls are about the order, or the group's key.
type Orders struct{ w *World }

// Orders returns the port of orders and tickets.
func (w *World) Orders() Orders { return Orders{w} }

// aboutOrder names an order as faults do.
func aboutOrder(id contracts.OrderID) []string { return []string{string(id)} }

// aboutOrders names several orders.
func aboutOrders(ids []contracts.OrderID) (about []string) {
	for _, id := range ids {
		about = append(about, string(id))
	}
	return about
}

// PutAll puts each row by a call of its own. As its port promises, a row of a buyer that is counted is not tried after one of
// the same buyer whose put failed.
func (p Orders) PutAll(ctx context.Context, rows []order.Order) []order.PutResult {
	results := make([]order.PutResult, len(rows))
	failed := map[string]bool{}
	for i, row := range rows {
		if row.Counted > 0 && failed[row.UserID] {
			results[i].Err = errors.New("an earlier order of the buyer is not known")
			continue
		}
		result, err := Do(p.w, Put, aboutOrder(row.OrderID), func() (order.PutResult, error) {
			return p.w.Rows.PutAll(ctx, []order.Order{row})[0], nil
		})
		if err != nil {
			result.Err, failed[row.UserID] = err, true
		}
		results[i] = result
	}
	return results
}

// found is a result that may not be there.
type found[T any] struct {
	value T
	there bool
}

// Read refuses an empty id, as DynamoDB does.
func (p Orders) Read(ctx context.Context, id contracts.OrderID) (order.Order, bool, error) {
	r, err := Do(p.w, Read, aboutOrder(id), func() (r found[order.Order], err error) {
		if id == "" {
			return r, errors.New("a key may not be empty")
		}
		r.value, r.there, err = p.w.Rows.Read(ctx, id)
		return r, err
	})
	return r.value, r.there, err
}

// ReadMany refuses an empty id and one that is there twice, as DynamoDB does.
func (p Orders) ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error) {
	return Do(p.w, ReadMany, aboutOrders(ids), func() ([]order.Order, error) {
		seen := map[contracts.OrderID]bool{"": true}
		for _, id := range ids {
			if seen[id] {
				return nil, fmt.Errorf("keys may not be empty or there twice: %q", ids)
			}
			seen[id] = true
		}
		return p.w.Rows.ReadMany(ctx, ids)
	})
}

// Update is memorder.Store.Update.
func (p Orders) Update(ctx context.Context, before, after order.Order) error {
	return do(p.w, Update, aboutOrder(after.OrderID), func() error { return p.w.Rows.Update(ctx, before, after) })
}

// RejectLost is memorder.Store.RejectLost.
func (p Orders) RejectLost(ctx context.Context, before, after order.Order, seat string) error {
	return do(p.w, RejectLost, aboutOrder(after.OrderID), func() error { return p.w.Rows.RejectLost(ctx, before, after, seat) })
}

// Commit is memorder.Store.Commit.
func (p Orders) Commit(ctx context.Context, before, after order.Order) error {
	return do(p.w, Commit, aboutOrder(after.OrderID), func() error { return p.w.Rows.Commit(ctx, before, after) })
}

// Withdraw is memorder.Store.Withdraw.
func (p Orders) Withdraw(ctx context.Context, before, after order.Order) error {
	return do(p.w, Withdraw, aboutOrder(after.OrderID), func() error { return p.w.Rows.Withdraw(ctx, before, after) })
}

// Ticket is memorder.Store.Ticket.
func (p Orders) Ticket(ctx context.Context, g contracts.SeatGroup, seat string) (contracts.OrderID, bool, error) {
	r, err := Do(p.w, Ticket, []string{g.Key(), seat}, func() (r found[contracts.OrderID], err error) {
		r.value, r.there, err = p.w.Rows.Ticket(ctx, g, seat)
		return r, err
	})
	return r.value, r.there, err
}

// Tickets is memorder.Store.Tickets.
func (p Orders) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	return Do(p.w, Tickets, []string{g.Key()}, func() (map[string]contracts.OrderID, error) { return p.w.Rows.Tickets(ctx, g) })
}

// CountTickets is memorder.Store.CountTickets.
func (p Orders) CountTickets(ctx context.Context, rows []order.Order) (map[contracts.OrderID]int, error) {
	return Do(p.w, CountTickets, nil, func() (map[contracts.OrderID]int, error) { return p.w.Rows.CountTickets(ctx, rows) })
}

// OpenIDs is memorder.Store.OpenIDs.
func (p Orders) OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error) {
	return Do(p.w, OpenIDs, []string{g.Key()}, func() ([]contracts.OrderID, error) { return p.w.Rows.OpenIDs(ctx, g) })
}

// DuePage is memorder.Store.DuePage.
func (p Orders) DuePage(ctx context.Context, scan order.DueScan) (order.DuePage, error) {
	return Do(p.w, DuePage, nil, func() (order.DuePage, error) { return p.w.Rows.DuePage(ctx, scan) })
}

// NextToken is memorder.Store.NextToken.
func (p Orders) NextToken(ctx context.Context, g contracts.SeatGroup) (int64, error) {
	return Do(p.w, NextToken, []string{g.Key()}, func() (int64, error) { return p.w.Rows.NextToken(ctx, g) })
}
