// Package order is the order and its transitions, pure: each is a function of the row, a time and a cause, refuses by
// name what the status graph does not allow, raises the version by one and appends to the history. Rows are written
// conditionally on the version before, so a transition made from an old row is refused by the store.
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

// Order is a row with its transitions. It is a value: a transition returns a new one and leaves the old as it was.
type Order struct {
	readmodel.Order

	// Rest is what the store read of the row and this program has no name for: attributes that another version of the
	// program wrote, during a deployment. Only the store that read it looks into it. A transition carries it on, so that
	// the store can write it back. nil if this program knows all of the row.
	Rest any
}

// Cause is what made a transition: the message, and when it was handled.
type Cause struct {
	Kind      message.Kind
	MessageID string
	At        contracts.Instant
}

// TransitionError is a transition that the status graph refuses.
type TransitionError struct {
	OrderID  contracts.OrderID
	From, To contracts.Status
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("order %s is %s and cannot become %s", e.OrderID, e.From, e.To)
}

// ErrUnreadable is what a store returns for a row that is there and that it cannot make an Order of. Another attempt would meet
// the same row: whoever reads many rows may pass over it.
var ErrUnreadable = errors.New("the row cannot be read")

// ErrHoldNotOver refuses to expire an order before its hold has ended.
var ErrHoldNotOver = errors.New("hold is not over")

// Hold is what the hold script answered, in names.
type Hold struct {
	Seats             []string
	HeldAt, ExpiresAt contracts.Instant
	// Amount is the price of the seats from the catalogue, fixed here for the order's life.
	Amount contracts.Money
	// BuyerLimit is the concert's limit per buyer at this instant, within which the seats are counted; at least 1.
	BuyerLimit int
}

// NewHeld is the first version of an order that got its seats.
func NewHeld(m message.PlaceOrder, fence string, h Hold, c Cause) Order {
	o := placed(m, fence)
	o.Seats = slices.Clone(h.Seats)
	o.HeldAt, o.HoldExpiresAt = h.HeldAt, h.ExpiresAt
	amount := h.Amount
	o.Amount = &amount
	o.Counted, o.BuyerLimit = len(h.Seats), h.BuyerLimit
	return o.become(contracts.Held, c)
}

// NewRejected is the first and last version of an order that did not get its seats. seats are the ones that the reason
// is about.
func NewRejected(m message.PlaceOrder, fence string, reason contracts.Reason, seats []string, c Cause) Order {
	o := placed(m, fence)
	o.Reason = &readmodel.Reason{Code: reason, Seats: seats}
	return o.become(contracts.Rejected, c)
}

// NewRejectedUnread is the row of an order whose PlaceOrder could not be handled: all that is known of it are the
// message's attributes. sentAt stands in for the instant of its acceptance.
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

// Expire ends an open order whose hold ran out. It refuses before D + 10 s with ErrHoldNotOver, so that an
// authorization made in the last moment still finds the order open, and any status that is not open.
func (o Order) Expire(c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.Expired) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Expired}
	}
	if c.At < o.ExpiresFrom() {
		return o, fmt.Errorf("order %s expires from %s: %w", o.OrderID, o.ExpiresFrom(), ErrHoldNotOver)
	}
	return o.become(contracts.Expired, c), nil
}

// Cancel ends an open order because its buyer or an operator wants it. A paid order is refused: a refund is another road.
func (o Order) Cancel(c Cause) (Order, error) {
	if !o.Status.CanBecome(contracts.Cancelled) {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Cancelled}
	}
	return o.become(contracts.Cancelled, c), nil
}

// Reject ends an open order for a reason, with the seats that it is about.
func (o Order) Reject(reason contracts.Reason, seats []string, c Cause) (Order, error) {
	if !o.Status.Open() {
		return o, &TransitionError{OrderID: o.OrderID, From: o.Status, To: contracts.Rejected}
	}
	o.Reason = &readmodel.Reason{Code: reason, Seats: seats}
	return o.become(contracts.Rejected, c), nil
}

// ExpiresFrom is the first instant at which the order may be EXPIRED.
func (o Order) ExpiresFrom() contracts.Instant { return o.HoldExpiresAt.Add(seatstate.ExpireAfter) }

// When the step after a status is late, so that reconcile looks at the order: OpenPayment that long after the hold was
// made, a look at Stripe that long before its end, CapturePayment that long after the commit.
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
		// Every status that ends an order without a ticket gives the allowance back, in the transaction of the row.
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

// GroupVersion is the order's seat group in the layout version of its seats, which is what Redis is asked about. It has no
// version (0) for an order that was never offered a place: its message could not be read, or was of another layout than the one
// that is sold. Redis may hold something for it all the same, by an earlier try, and is asked to release it in whichever version
// the group is loaded.
func (o Order) GroupVersion() seatstate.GroupVersion {
	if o.Reason != nil && o.Reason.Code == contracts.ReasonLayoutChanged {
		return seatstate.In(o.SeatGroup(), 0)
	}
	return seatstate.In(o.SeatGroup(), o.LayoutVersion)
}

// PlacedBy says whether the row is the outcome of this very PlaceOrder: the same group and body.
func (o Order) PlacedBy(m message.PlaceOrder) bool {
	return o.SeatGroup() == m.SeatGroup() && o.RequestHash == m.RequestHash
}

// HeldAs says whether a hold is the row's: its seats in any order, and its times. It need not be, since the row may have
// been written by a late put of another try, which held other seats or earlier.
func (o Order) HeldAs(h Hold) bool {
	return o.HeldAt == h.HeldAt && o.HoldExpiresAt == h.ExpiresAt &&
		slices.Equal(slices.Sorted(slices.Values(o.Seats)), slices.Sorted(slices.Values(h.Seats)))
}
