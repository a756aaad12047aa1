package readmodel

import "boxoffice/contracts"

// SalesItem is the key of Sales in the table overview.
const SalesItem = "sales"

// Sales is the item from which the catalogue shows how many seats are left. reconcile writes it once a minute as a whole.
type Sales struct {
	// Item is the key, SalesItem.
	Item string `dynamodbav:"item"`
	// At is when the seats were counted.
	At contracts.Instant `dynamodbav:"at"`
	// Concerts has the concerts on sale whose groups were all known, by id.
	Concerts map[string]SeatCount `dynamodbav:"concerts"`
}

// SeatCount is how many seats of a concert are free, of how many.
type SeatCount struct {
	// At is when the first of the concert's groups was counted; 0 means Sales.At. With over 2,000 groups on sale a run counts some of
	// them only, so that the counts of concerts differ in age.
	At    contracts.Instant `dynamodbav:"at,omitempty"`
	Free  int               `dynamodbav:"free"`
	Total int               `dynamodbav:"total"`
}

// seatSteps is the number of steps in which free seats are shown.
const seatSteps = 20

// Bucketed returns the count as it is shown: free rounded down to a twentieth of the total, so that it changes seldom and shows
// nobody the exact sales. It is 0 only if no seat is free, and at least 1 otherwise. ok is false for a count that cannot be: it is
// not shown.
func (c SeatCount) Bucketed() (shown SeatCount, ok bool) {
	if c.Total < 1 || c.Free < 0 || c.Free > c.Total {
		return SeatCount{}, false
	}
	if c.Free == 0 || c.Free == c.Total {
		return c, true
	}
	step := max(1, c.Total/seatSteps)
	return SeatCount{Free: max(1, c.Free/step*step), Total: c.Total}, true
}
