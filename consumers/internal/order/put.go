package order

// Put is the first version of a row that is to be written if there is none.
type Put struct {
	Order Order
	// Limit is the most seats that the buyer may have counted for the concert, these included. It is looked at only when
	// the order counts seats: then the row and the allowance are one transaction.
	Limit int
}

// PutOutcome is what became of a Put.
type PutOutcome int

// Outcomes of a Put. A refused row outranks a refused allowance: an order that has a row is that row.
const (
	// PutUnknown: neither yes nor no. The message comes again.
	PutUnknown PutOutcome = iota
	// PutDone: the row is there as it was put. It may have been put by an earlier try of the same call.
	PutDone
	// PutRefused: the order has a row already.
	PutRefused
	// PutOverLimit: the order has no row, and its seats would be more than the buyer may have. Nothing was written.
	PutOverLimit
)

// PutResult answers one Put.
type PutResult struct {
	Outcome PutOutcome
	// Stored is the row that is there, when done or refused.
	Stored Order
	// Err is why it is not known.
	Err error
}
