// Package readmodel defines the rows of the DynamoDB tables: the names of their attributes and what each attribute means.
// Consumers write orders and tickets, producers read them, and the catalogue loader writes concerts and layouts.
//
// Attribute names are the dynamodbav tags. A test compares the key attributes with contracts/topology.
package readmodel

import (
	"boxoffice/contracts"
)

// Order is the row of an order. It decides over every other copy of the order's state. Every change is conditional on Version
// and raises it by one.
type Order struct {
	OrderID contracts.OrderID `dynamodbav:"orderId"`
	// UserID is omitted if the order's user is not known: it is a key of the index "buyer", which refuses an empty value.
	UserID    string `dynamodbav:"userId,omitempty"`
	ConcertID string `dynamodbav:"concertId"`
	Group     string `dynamodbav:"group"`
	// LayoutVersion is the version that the buyer saw and to which Seats belong.
	LayoutVersion int      `dynamodbav:"layoutVersion"`
	Seats         []string `dynamodbav:"seats"`
	RequestHash   string   `dynamodbav:"requestHash"`
	// Asked is what a rejected order asked for, if it asked for any adjacent seats; else nil. Rows from before the attribute have
	// none either.
	Asked *Asked `dynamodbav:"asked,omitempty"`

	Status  contracts.Status `dynamodbav:"status"`
	Version int              `dynamodbav:"version"`

	// Amount is the price from the catalogue when the seats were held. It never comes from a client. nil if never held.
	Amount *contracts.Money `dynamodbav:"amount,omitempty"`
	// HeldAt and HoldExpiresAt (D) are the times that the hold script returned. D never changes. 0 if never held.
	HeldAt        contracts.Instant `dynamodbav:"heldAt,omitempty"`
	HoldExpiresAt contracts.Instant `dynamodbav:"holdExpiresAt,omitempty"`
	// Reason is set when the order is REJECTED or REVOKED.
	Reason *Reason `dynamodbav:"reason,omitempty"`

	// Fence is the SequenceNumber of the PlaceOrder, 20 digits, compared as a string. It is for audits: a group decides its
	// orders in this order. Stale writers are stopped by Version, not by Fence.
	Fence string `dynamodbav:"fence"`
	// AcceptedAt is when the producer answered 202.
	AcceptedAt contracts.Instant `dynamodbav:"acceptedAt"`
	History    []HistoryEntry    `dynamodbav:"history"`

	// Payment is the order's payment at Stripe, from AWAITING_PAYMENT on.
	Payment *Payment `dynamodbav:"payment,omitempty"`

	// Counted is the number of seats of the order that its buyer's allowance includes: all of them from the hold on, and 0
	// after the order has ended without tickets.
	Counted int `dynamodbav:"counted,omitempty"`
	// BuyerLimit is the limit per buyer that applied when the order was held. It never changes after that, while the limit of
	// the concert can; it proves that the order was within the limit. 0 if never held.
	BuyerLimit int `dynamodbav:"buyerLimit,omitempty"`

	// KeyNumbers has the key number of each seat's ticket that is not 0. It rises when the ticket gets a new code
	// (contracts/ticketcode), and the old code is revoked. It never falls.
	KeyNumbers map[string]int `dynamodbav:"keyNumbers,omitempty"`

	// OpenGroup ("concertId#group") and DueAt are the keys of the sparse index "open". They are present only while a next step
	// is expected (HELD, AWAITING_PAYMENT, COMMITTED). DueAt is when reconcile looks for it.
	OpenGroup string            `dynamodbav:"openGroup,omitempty"`
	DueAt     contracts.Instant `dynamodbav:"dueAt,omitempty"`
}

// Payment is the payment of an order at Stripe.
type Payment struct {
	// IntentID is the id of the PaymentIntent. ClientSecret lets the buyer's browser confirm the payment. It is stored only
	// while the order awaits payment, and only the buyer sees it.
	IntentID     string `dynamodbav:"intentId"`
	ClientSecret string `dynamodbav:"clientSecret,omitempty"`
	// LastError is why the last card was refused.
	LastError *PaymentError `dynamodbav:"lastError,omitempty"`
	// Card is the card that paid, from CONFIRMED on. nil if Stripe did not say, as in rows from before the attribute.
	Card *Card `dynamodbav:"card,omitempty"`
	// OpenAttempt, CaptureAttempt and VoidAttempt are the numbers in the idempotency keys of the steps. A number rises only
	// after Stripe answered a key with an error, which it repeats for ever, and a read showed that the step had no effect.
	OpenAttempt    int `dynamodbav:"openAttempt,omitempty"`
	CaptureAttempt int `dynamodbav:"captureAttempt,omitempty"`
	VoidAttempt    int `dynamodbav:"voidAttempt,omitempty"`
}

// PaymentError says why a card was refused.
type PaymentError struct {
	// EventID and At are the id and the time of Stripe's event. The latest event counts.
	EventID string            `dynamodbav:"eventId"`
	At      contracts.Instant `dynamodbav:"at"`
	Code    string            `dynamodbav:"code"`
	Message string            `dynamodbav:"message"`
}

// Reason says why an order was rejected or revoked. Seats are the seats that the reason is about.
type Reason struct {
	Code  contracts.Reason `dynamodbav:"code"`
	Seats []string         `dynamodbav:"seats,omitempty"`
}

// Asked is an order for any adjacent seats.
type Asked struct {
	// Section is "" for the whole concert.
	Section  string `dynamodbav:"section,omitempty"`
	Quantity int    `dynamodbav:"quantity"`
	// Accessible is how many of them were to be accessible places.
	Accessible int `dynamodbav:"accessible,omitempty"`
}

// HistoryEntry is one transition. Entries make the timeline for buyers and auditors.
type HistoryEntry struct {
	Status  contracts.Status  `dynamodbav:"status"`
	Version int               `dynamodbav:"version"`
	At      contracts.Instant `dynamodbav:"at"`
	// Cause is the kind and MessageID the id of the message that caused the transition.
	Cause     string `dynamodbav:"cause"`
	MessageID string `dynamodbav:"messageId"`
}

// OwnedBy reports whether the order belongs to this buyer. The caller must have verified the tag of the order's id: a row
// that was written when only the id was known names no user, and OwnedBy returns true for it.
func (o Order) OwnedBy(userID string) bool { return o.UserID == "" || o.UserID == userID }

// SeatGroup returns the seat group of the order.
func (o Order) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: o.ConcertID, Group: o.Group}
}

// IndexBuyer is the name of the index of a buyer's orders: UserID and AcceptedAt, keys only. An order without a known user is not
// in it.
const IndexBuyer = "buyer"

// OrderKey is the key of an order in IndexBuyer.
type OrderKey struct {
	UserID     string            `dynamodbav:"userId"`
	AcceptedAt contracts.Instant `dynamodbav:"acceptedAt"`
	OrderID    contracts.OrderID `dynamodbav:"orderId"`
}

// IndexOpen is the name of the sparse index of orders with an expected next step.
const IndexOpen = "open"
