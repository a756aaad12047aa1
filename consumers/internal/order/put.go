package order

// PutOutcome is the result of writing the first version of a row, which succeeds only if the order has no row. If the row counts
// seats, the buyer's allowance is raised in the same transaction, and may not exceed the BuyerLimit of the row.
type PutOutcome int

// Outcomes of a put. If the order has a row and its seats are over the limit, the outcome is PutRefused.
const (
	// PutUnknown: it is not known whether the row was written. The message must be redelivered.
	PutUnknown PutOutcome = iota
	// PutDone: the row is stored as it was put, by this attempt or an earlier one of the same call.
	PutDone
	// PutRefused: the order already has a row.
	PutRefused
	// PutOverLimit: the order has no row, and with its seats the buyer would be over the limit. Nothing was written.
	PutOverLimit
)

// PutResult is the result of one put.
type PutResult struct {
	Outcome PutOutcome
	// Stored is the stored row, for PutDone and PutRefused.
	Stored Order
	// Err is the error, for PutUnknown.
	Err error
}
