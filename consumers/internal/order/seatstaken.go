package order

import "strings"

// SeatsTakenError means that an order was not committed, because some of its seats already have a ticket. Nothing was written.
type SeatsTakenError struct {
	// Seats are the names of the seats that have a ticket, in the order of the row. It is never empty.
	Seats []string
}

// Error implements error.
func (e *SeatsTakenError) Error() string {
	return "tickets exist of " + strings.Join(e.Seats, ", ")
}
