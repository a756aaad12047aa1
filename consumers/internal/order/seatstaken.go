package order

import "strings"

// SeatsTakenError says that an order was not committed, because tickets of its seats exist. Nothing was written.
type SeatsTakenError struct {
	// Seats are the names of those that have a ticket, in the order of the row. It is never empty.
	Seats []string
}

// Error implements error.
func (e *SeatsTakenError) Error() string {
	return "tickets exist of " + strings.Join(e.Seats, ", ")
}
