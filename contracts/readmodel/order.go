// Package readmodel has the rows of the DynamoDB tables: attribute names and what each attribute means. Consumers
// write orders and tickets, producers read them, the catalogue loader writes concerts and layouts.
//
// Attribute names are the dynamodbav tags; key attributes agree with contracts/topology, which a test checks.
package readmodel

import (
	"boxoffice/contracts"
)

// Order is the row of an order, its only truth. Every change is conditional on Version and raises it by one.
type Order struct {
	OrderID contracts.OrderID `dynamodbav:"orderId"`
	// UserID is left out where the order's user is not known: it is to be the key of an index, which refuses an empty one.
	UserID    string `dynamodbav:"userId,omitempty"`
	ConcertID string `dynamodbav:"concertId"`
	Group     string `dynamodbav:"group"`
	// LayoutVersion is the one that the buyer saw and that Seats belong to.
	LayoutVersion int      `dynamodbav:"layoutVersion"`
	Seats         []string `dynamodbav:"seats"`
	RequestHash   string   `dynamodbav:"requestHash"`

	Status  contracts.Status `dynamodbav:"status"`
	Version int              `dynamodbav:"version"`

	// Amount is fixed from the catalogue when the seats are held and never read from a client. nil if never held.
	Amount *contracts.Money `dynamodbav:"amount,omitempty"`
	// HeldAt and HoldExpiresAt (D) are as the hold script answered them; D is never moved. 0 if never held.
	HeldAt        contracts.Instant `dynamodbav:"heldAt,omitempty"`
	HoldExpiresAt contracts.Instant `dynamodbav:"holdExpiresAt,omitempty"`
	// Reason is set when the order is REJECTED or REVOKED.
	Reason *Reason `dynamodbav:"reason,omitempty"`

	// Fence is the SequenceNumber of the PlaceOrder, 20 digits, compared as a string. It is for audit: decisions
	// within a group follow it. Stale writers are stopped by Version.
	Fence string `dynamodbav:"fence"`
	// AcceptedAt is when the producer answered 202.
	AcceptedAt contracts.Instant `dynamodbav:"acceptedAt"`
	History    []HistoryEntry    `dynamodbav:"history"`

	// Payment is what Stripe has of the order, from AWAITING_PAYMENT on.
	Payment *Payment `dynamodbav:"payment,omitempty"`

	// Counted is how many seats of the order stand in its buyer's allowance: all of them from the hold on, 0 again once the
	// order has ended without a ticket.
	Counted int `dynamodbav:"counted,omitempty"`
	// BuyerLimit is the limit per buyer that they were counted against when the order was held, never changed after that. The
	// concert's own may be another since: without this nobody could say whether the order was ever within the limit. 0 if
	// never held.
	BuyerLimit int `dynamodbav:"buyerLimit,omitempty"`

	// OpenGroup ("concertId#group") and DueAt are the keys of the sparse index "open": they are there only while a
	// step is due (HELD, AWAITING_PAYMENT, COMMITTED).
	OpenGroup string            `dynamodbav:"openGroup,omitempty"`
	DueAt     contracts.Instant `dynamodbav:"dueAt,omitempty"`
}

// Payment is the order's at Stripe.
type Payment struct {
	// IntentID is the PaymentIntent's. ClientSecret lets the buyer's browser confirm it; it is kept while the order awaits
	// payment and shown to nobody but its buyer.
	IntentID     string `dynamodbav:"intentId"`
	ClientSecret string `dynamodbav:"clientSecret,omitempty"`
	// LastError is why the last card was refused.
	LastError *PaymentError `dynamodbav:"lastError,omitempty"`
	// OpenAttempt, CaptureAttempt and VoidAttempt are the numbers in the idempotency keys of the steps. Each rises only when
	// an answer that the key repeats for ever was an error, and Stripe was seen to have had no effect.
	OpenAttempt    int `dynamodbav:"openAttempt,omitempty"`
	CaptureAttempt int `dynamodbav:"captureAttempt,omitempty"`
	VoidAttempt    int `dynamodbav:"voidAttempt,omitempty"`
}

// PaymentError is a card that was refused.
type PaymentError struct {
	// EventID and At are those of Stripe's event: of two the later counts.
	EventID string            `dynamodbav:"eventId"`
	At      contracts.Instant `dynamodbav:"at"`
	Code    string            `dynamodbav:"code"`
	Message string            `dynamodbav:"message"`
}

// Reason is why an order was refused, with the seats that it is about.
type Reason struct {
	Code  contracts.Reason `dynamodbav:"code"`
	Seats []string         `dynamodbav:"seats,omitempty"`
}

// HistoryEntry is one transition: the buyer's timeline and the auditor's.
type HistoryEntry struct {
	Status  contracts.Status  `dynamodbav:"status"`
	Version int               `dynamodbav:"version"`
	At      contracts.Instant `dynamodbav:"at"`
	// Cause is the kind of the message that made the transition, MessageID that message.
	Cause     string `dynamodbav:"cause"`
	MessageID string `dynamodbav:"messageId"`
}

// OwnedBy says whether the order is this buyer's, for a caller that has verified the tag of its id: a row that was
// written for an order of which only the id was known names no user.
func (o Order) OwnedBy(userID string) bool { return o.UserID == "" || o.UserID == userID }

// SeatGroup of the order.
func (o Order) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: o.ConcertID, Group: o.Group}
}

// IndexOpen is the sparse index of orders with a due step.
const IndexOpen = "open"
