package order

// CommitResult is what became of a transaction that writes the tickets of an order and its row COMMITTED.
type CommitResult struct {
	// Done: tickets and row are written. Otherwise nothing is.
	Done bool
	// Moved: the row is not what it was read as. It outranks Taken.
	Moved bool
	// Taken are the seats that have a ticket already, whosever it is.
	Taken []string
}
