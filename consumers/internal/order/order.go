// Package order defines an order and its transitions. A transition is a pure function of the row, a time and a cause. It returns
// an error if the status graph does not allow it; otherwise it raises the version by one and appends to the history. The store
// writes a row only if the stored version is the one before, so it refuses a transition that was made from an old row.
package order

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Order is a row with its transitions. It is a value: a transition returns a new Order and does not change the old one.
type Order struct {
	readmodel.Order

	// Rest has the attributes of the row that this program does not know: another version of the program wrote them during a
	// deployment. Only the store uses it. Transitions keep it, so that the store can write the attributes back. nil if there
	// are none.
	Rest any
}

// Cause is the cause of a transition: the message, and when it was handled.
type Cause struct {
	Kind      message.Kind
	MessageID string
	At        contracts.Instant
}

// TransitionError means that the status graph does not allow a transition.
type TransitionError struct {
	OrderID  contracts.OrderID
	From, To contracts.Status
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("order %s is %s and cannot become %s", e.OrderID, e.From, e.To)
}

// ErrUnreadable is returned by a store for a row that exists but cannot be decoded. Another attempt would read the same row, so a
// caller that reads many rows can skip it.
var ErrUnreadable = errors.New("the row cannot be read")

// ErrHoldNotOver means that an order cannot expire yet, because its hold has not ended.
var ErrHoldNotOver = errors.New("hold is not over")

// Hold is the result of the hold script, with the names of the seats.
type Hold struct {
	Seats             []string
	HeldAt, ExpiresAt contracts.Instant
	// Amount is the price of the seats from the catalogue. It never changes after this.
	Amount contracts.Money
	// BuyerLimit is the limit per buyer of the concert when the seats were held; at least 1.
	BuyerLimit int
}

// NewHeld returns the first version of an order that got its seats.
func NewHeld(m message.PlaceOrder, fence string, h Hold, c Cause) Order {
	o := placed(m, fence)
	o.Seats = slices.Clone(h.Seats)
	o.HeldAt, o.HoldExpiresAt = h.HeldAt, h.ExpiresAt
	amount := h.Amount
	o.Amount = &amount
	o.Counted, o.BuyerLimit = len(h.Seats), h.BuyerLimit
	return o.become(contracts.Held, c)
}

// NewRejected returns the first and last version of an order that did not get its seats. seats are those that the reason is
// about. The row of an order for any adjacent seats, which has no seats, has what it asked for.
func NewRejected(m message.PlaceOrder, fence string, reason contracts.Reason, seats []string, c Cause) Order {
	o := placed(m, fence)
	o.Reason = &readmodel.Reason{Code: reason, Seats: seats}
	if best := m.BestAvailable; best != nil {
		o.Asked = &readmodel.Asked{Section: best.Section, Quantity: best.Quantity, Accessible: best.Accessible}
	}
	return o.become(contracts.Rejected, c)
}

// NewRejectedUnread returns the row of an order whose PlaceOrder could not be handled: only the attributes of the message are
// known. sentAt is used as AcceptedAt.
func NewRejectedUnread(a message.Attributes, fence string, sentAt contracts.Instant, c Cause) Order {
	o := Order{Order: readmodel.Order{
		OrderID: a.OrderID, UserID: a.UserID, ConcertID: a.ConcertID, Group: a.Group,
		Seats: []string{}, Status: contracts.Queued, Fence: fence, AcceptedAt: sentAt,
		Reason: &readmodel.Reason{Code: contracts.ReasonInternal},
	}}
	return o.become(contracts.Rejected, c)
}

func placed(m message.PlaceOrder, fence string) Order {
	return Order{Order: readmodel.Order{
		OrderID: m.OrderID, UserID: m.UserID, ConcertID: m.ConcertID, Group: m.Group,
		LayoutVersion: m.LayoutVersion, Seats: slices.Clone(m.Seats), RequestHash: m.RequestHash,
		Status: contracts.Queued, Fence: fence, AcceptedAt: m.AcceptedAt,
	}}
}

// Expire ends an open order whose hold has ended. It returns a TransitionError if the order is not open, and ErrHoldNotOver before
// D + 10 s, so that an authorisation of the last moment still finds the order open.
func (o Order) Expire(c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.Expired) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Expired}
	}
	if c.At < o.ExpiresFrom() {
		return o, fmt.Errorf("order %s expires from %s: %w", o.OrderID, o.ExpiresFrom(), ErrHoldNotOver)
	}
	return o.become(contracts.Expired, c), nil
}

// Cancel ends an open order for its buyer or an operator. It refuses a paid order, which would need a refund.
func (o Order) Cancel(c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.Cancelled) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Cancelled}
	}
	return o.become(contracts.Cancelled, c), nil
}

// Reject ends an open order. seats are those that the reason is about.
func (o Order) Reject(reason contracts.Reason, seats []string, c Cause) (Order, error) {
	if !o.Status.Open() {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Rejected}
	}
	o.Reason = &readmodel.Reason{Code: reason, Seats: seats}
	return o.become(contracts.Rejected, c), nil
}

// ExpiresFrom returns the first instant at which the order can become EXPIRED.
func (o Order) ExpiresFrom() contracts.Instant { return o.HoldExpiresAt.Add(seatstate.ExpireAfter) }

// Times after which reconcile repeats the next step of an order: OpenPayment is late openLate after the hold began, and
// CapturePayment is late captureLate after the commit. A payment is checked at Stripe checkBefore before the hold ends.
const (
	openLate    = 15 * time.Second
	checkBefore = 75 * time.Second
	captureLate = 30 * time.Second
)

func (o Order) become(s contracts.Status, c Cause) Order {
	o.Status = s
	o.Version++
	o.History = append(slices.Clip(o.History), readmodel.HistoryEntry{
		Status: s, Version: o.Version, At: c.At, Cause: string(c.Kind), MessageID: c.MessageID,
	})
	if s.Dead() {
		// The order has ended without tickets. The transaction that writes the row also lowers the buyer's allowance.
		o.Counted = 0
	}
	o.OpenGroup, o.DueAt = "", 0
	switch s {
	case contracts.Held:
		o.OpenGroup, o.DueAt = o.SeatGroup().Key(), o.HeldAt.Add(openLate)
	case contracts.AwaitingPayment:
		o.OpenGroup, o.DueAt = o.SeatGroup().Key(), o.HoldExpiresAt.Add(-checkBefore)
	case contracts.Committed:
		o.OpenGroup, o.DueAt = o.SeatGroup().Key(), c.At.Add(captureLate)
	}
	if o.Payment != nil && s != contracts.AwaitingPayment {
		p := *o.Payment
		p.ClientSecret = ""
		o.Payment = &p
	}
	return o
}

// GroupVersion returns the order's seat group in the layout version of its seats, for calls to Redis. The version is 0 for an
// order that never had a place: its message could not be read, or had another layout version than the one that is sold. Redis can
// still hold places for it from an earlier attempt; version 0 releases them in whichever version the group is loaded.
func (o Order) GroupVersion() seatstate.GroupVersion {
	if o.Reason != nil && o.Reason.Code == contracts.ReasonLayoutChanged {
		return seatstate.In(o.SeatGroup(), 0)
	}
	return seatstate.In(o.SeatGroup(), o.LayoutVersion)
}

// PlacedBy reports whether the row is the result of this PlaceOrder: group and request hash are the same.
func (o Order) PlacedBy(m message.PlaceOrder) bool {
	return o.SeatGroup() == m.SeatGroup() && o.RequestHash == m.RequestHash
}

// HeldAs reports whether the row is the result of this hold: the times and the set of seats are the same. They can differ if a
// delayed write of another attempt, which held other seats or held them earlier, created the row.
func (o Order) HeldAs(h Hold) bool {
	return o.HeldAt == h.HeldAt && o.HoldExpiresAt == h.ExpiresAt &&
		slices.Equal(slices.Sorted(slices.Values(o.Seats)), slices.Sorted(slices.Values(h.Seats)))
}
