package order

import "boxoffice/contracts"

// Due is an order in the index of open orders whose next step is due. The index is eventually consistent and has only keys
// and the status, so it only says which orders to read: the row decides.
type Due struct {
	OrderID contracts.OrderID
	DueAt   contracts.Instant
}

// DueScan asks for a page of the index of open orders of all concerts. The index has Segments that can be read concurrently:
// each order is in exactly one segment, and all orders of a seat group are in the same one.
type DueScan struct {
	// By selects the orders whose step is due at By or before.
	By contracts.Instant
	// Segment is 0 to Segments - 1.
	Segment, Segments int
	// From is DuePage.Next of the previous page, "" for the first page.
	From string
	// Limit is the maximum number of orders that the store reads for a page, due or not; 0 lets the store choose.
	Limit int
}

// DuePage is a page of due orders, not sorted. A page can be empty although more pages follow.
type DuePage struct {
	Due []Due
	// Open counts all orders of the page, due or not, by their status.
	Open map[contracts.Status]int
	// Next is DueScan.From of the next page; "" if this is the last page of the segment.
	Next string
}
