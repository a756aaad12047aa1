package e2e

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// row reads the stored row of an order.
func (s *stack) row(t *testing.T, id string) (readmodel.Order, bool) {
	t.Helper()
	row, found, err := s.Order(t.Context(), contracts.OrderID(id))
	if err != nil {
		t.Fatal(err)
	}
	return row, found
}

// rowsOf reads all rows of a user.
func (s *stack) rowsOf(t *testing.T, user string) []readmodel.Order {
	t.Helper()
	return s.rowsWhere(t, func(o readmodel.Order) bool { return o.UserID == user })
}

// rowsWhere returns all rows for which keep is true.
func (s *stack) rowsWhere(t *testing.T, keep func(readmodel.Order) bool) []readmodel.Order {
	t.Helper()
	rows, err := s.Orders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(rows, func(o readmodel.Order) bool { return !keep(o) })
}
