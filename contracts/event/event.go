// Package event defines the events of orders on the bus. Each version of an order's row is published as one event, at least
// once. The event is built from an allow-list of attributes, so that a new attribute of the row is not published by accident.
//
// A bus does not keep events in order: a subscriber stores the highest version that it has seen of each order and ignores
// events of lower or equal versions.
package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Source of every event.
const Source = "boxoffice.orders"

// version is the version of the payload. Subscribers read n and n−1; the publisher switches last.
const version = 1

// OrderChanged is the payload of every event, version 1. The detail type names the status.
type OrderChanged struct {
	V       int               `json:"v"`
	OrderID contracts.OrderID `json:"orderId"`
	// Version is the version of the row. Subscribers compare it.
	Version int              `json:"version"`
	Status  contracts.Status `json:"status"`
	// At is when the order reached that status.
	At            contracts.Instant  `json:"at"`
	UserID        string             `json:"userId,omitempty"`
	ConcertID     string             `json:"concertId"`
	Group         string             `json:"group"`
	Seats         []string           `json:"seats"`
	Amount        *contracts.Money   `json:"amount,omitempty"`
	HoldExpiresAt *contracts.Instant `json:"holdExpiresAt,omitempty"`
	Reason        *Reason            `json:"reason,omitempty"`
}

// Reason says why an order was rejected or revoked.
type Reason struct {
	Code  contracts.Reason `json:"code"`
	Seats []string         `json:"seats,omitempty"`
}

// Event is an event as it is put on the bus. Detail is the JSON of an OrderChanged.
type Event struct {
	DetailType string
	Detail     string
	At         contracts.Instant
}

// detailTypes has the detail type of each status. A row version that does not change the status has the type of the current
// status.
var detailTypes = map[contracts.Status]string{
	contracts.Held:            "OrderHeld",
	contracts.AwaitingPayment: "OrderAwaitingPayment",
	contracts.Committed:       "OrderCommitted",
	contracts.Confirmed:       "OrderConfirmed",
	contracts.Rejected:        "OrderRejected",
	contracts.Expired:         "OrderExpired",
	contracts.Cancelled:       "OrderCancelled",
	contracts.Revoked:         "OrderRevoked",
	contracts.Refunded:        "OrderRefunded",
}

// DetailType returns the detail type of a status, or "" for a status that is never stored.
func DetailType(s contracts.Status) string { return detailTypes[s] }

// Of returns the event of a row version. It fails for a row that no handler writes: one without an event type, a version or a
// history.
func Of(row readmodel.Order) (Event, error) {
	detailType := DetailType(row.Status)
	if detailType == "" || row.Version < 1 || len(row.History) == 0 {
		return Event{}, fmt.Errorf("order %s: no event for %q at version %d with %d entries of history", row.OrderID, row.Status, row.Version, len(row.History))
	}
	o := OrderChanged{
		V: version, OrderID: row.OrderID, Version: row.Version, Status: row.Status, At: row.History[len(row.History)-1].At,
		UserID: row.UserID, ConcertID: row.ConcertID, Group: row.Group, Seats: row.Seats, Amount: row.Amount,
	}
	if o.Seats == nil {
		o.Seats = []string{}
	}
	if row.HoldExpiresAt != 0 {
		o.HoldExpiresAt = &row.HoldExpiresAt
	}
	if row.Reason != nil {
		o.Reason = &Reason{Code: row.Reason.Code, Seats: row.Reason.Seats}
	}
	detail, err := json.Marshal(o)
	if err != nil {
		return Event{}, fmt.Errorf("order %s: %w", row.OrderID, err)
	}
	return Event{DetailType: detailType, Detail: string(detail), At: o.At}, nil
}

// ErrMalformed means that a detail is no OrderChanged, or one of an unknown version.
var ErrMalformed = errors.New("event is malformed")

// Decode reads a detail. It refuses a detail that lacks a member, or has one, whose name (in the exact case, at any depth) is not
// among those that the publisher writes for such an event: a null is not an absent member.
func Decode(detail []byte) (OrderChanged, error) {
	var o OrderChanged
	d := json.NewDecoder(bytes.NewReader(detail))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return OrderChanged{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return OrderChanged{}, fmt.Errorf("%w: more than one JSON value", ErrMalformed)
	}
	switch {
	case o.V != version:
		return OrderChanged{}, fmt.Errorf("%w: version %d", ErrMalformed, o.V)
	case o.OrderID == "" || o.Seats == nil || o.Version < 1 || DetailType(o.Status) == "":
		return OrderChanged{}, fmt.Errorf("%w: orderId %q, version %d, status %q", ErrMalformed, o.OrderID, o.Version, o.Status)
	}
	written, err := json.Marshal(o)
	if err != nil {
		return OrderChanged{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var read, again any
	if err := errors.Join(json.Unmarshal(detail, &read), json.Unmarshal(written, &again)); err != nil {
		return OrderChanged{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if name, differs := differentMember(read, again); differs {
		return OrderChanged{}, fmt.Errorf("%w: member %q is missing, unknown or null", ErrMalformed, name)
	}
	return o, nil
}

// differentMember returns a member that only one of two JSON values has, or that is null in one of them, at any depth, and whether
// there is one.
func differentMember(a, b any) (name string, differs bool) {
	if list, isList := a.([]any); isList {
		other, _ := b.([]any)
		for i := range min(len(list), len(other)) {
			if deeper, differs := differentMember(list[i], other[i]); differs {
				return strconv.Itoa(i) + "." + deeper, true
			}
		}
		return "", len(list) != len(other)
	}
	one, isObject := a.(map[string]any)
	other, isOther := b.(map[string]any)
	if !isObject || !isOther {
		return "", isObject != isOther || (a == nil) != (b == nil)
	}
	for name := range other {
		if _, both := one[name]; !both {
			return name, true
		}
	}
	for name, value := range one {
		if _, both := other[name]; !both {
			return name, true
		}
		if deeper, differs := differentMember(value, other[name]); differs {
			return name + "." + deeper, true
		}
	}
	return "", false
}
