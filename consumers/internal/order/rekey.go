package order

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"boxoffice/contracts"
)

// ErrNoTicket means that an order has no ticket for a seat.
var ErrNoTicket = errors.New("no ticket of the order")

// Rekey gives the tickets of these seats new codes, because the old ones may be in other hands: a refund has failed and the ticket
// came back, or an operator wants it. The version rises, the status stays. The store revokes the old codes in the transaction that
// writes the row. Only a confirmed order has tickets that anybody has seen.
func (o Order) Rekey(seats ...string) (Order, error) {
	if o.Status != contracts.Confirmed {
		return o, fmt.Errorf("re-key tickets of order %s, which is %s: %w", o.OrderID, o.Status, ErrNoTicket)
	}
	numbers := maps.Clone(o.KeyNumbers)
	if numbers == nil {
		numbers = map[string]int{}
	}
	for _, seat := range slices.Compact(slices.Sorted(slices.Values(seats))) {
		if !slices.Contains(o.Owned(), seat) {
			return o, fmt.Errorf("re-key the ticket of seat %s of order %s: %w", seat, o.OrderID, ErrNoTicket)
		}
		numbers[seat]++
	}
	if len(seats) == 0 {
		return o, fmt.Errorf("re-key no ticket of order %s: %w", o.OrderID, ErrNoTicket)
	}
	o.KeyNumbers = numbers
	o.Version++
	return o, nil
}
