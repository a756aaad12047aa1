package order

import "boxoffice/contracts"

// Due is an order of the index of open orders whose step was due. The index is eventually consistent and has keys alone,
// so it only says whom to look at: the row decides.
type Due struct {
	OrderID contracts.OrderID
	DueAt   contracts.Instant
}

// DueScan asks for one page of the index of open orders, whatever their concerts. The index is read in Segments, so that
// several can be read at the same time: each order is in exactly one of them, and all orders of a seat group are in the
// same one.
type DueScan struct {
	// By is the instant by which the step of an order must have been due.
	By contracts.Instant
	// Segment is from 0 to Segments - 1.
	Segment, Segments int
	// From is DuePage.Next of the page before, "" for the first page.
	From string
	// Limit is the most orders of the index that are looked at for one page, due or not; 0 leaves it to the store.
	Limit int
}

// DuePage is a page, in no order. A page may have no order although there are more pages.
type DuePage struct {
	Due []Due
	// Next asks for the page after this one; "" when this is the segment's last.
	Next string
}
