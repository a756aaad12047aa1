package order

// CommitResult is the result of a transaction that writes the tickets of an order and its row as COMMITTED.
type CommitResult struct {
	// Done: tickets and row are written. Otherwise nothing is written.
	Done bool
	// Moved: the row has changed since it was read. Check it before Taken, which can then name the order's own tickets.
	Moved bool
	// Taken are the seats that already have a ticket, of this or another order.
	Taken []string
}
