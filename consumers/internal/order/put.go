package order

// PutOutcome is what became of the put of a first version of a row, which is written if there is none. Where the row counts
// seats, it and the buyer's allowance are one transaction, and its BuyerLimit is the most that may be counted, these included.
type PutOutcome int

// Outcomes of a put. A refused row outranks a refused allowance: an order that has a row is that row.
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

// PutResult answers one put.
type PutResult struct {
	Outcome PutOutcome
	// Stored is the row that is there, when done or refused.
	Stored Order
	// Err is why it is not known.
	Err error
}
