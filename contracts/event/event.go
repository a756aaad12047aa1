// Package event has the events of orders on the bus: what others may know of each version of an order's row. There is
// one event a row version, at least once, built from an allow-list of attributes, so that a new attribute of the row
// is not published by accident.
//
// A consumer keeps, per order, the highest version it has seen and drops the rest: a bus has no order.
package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Source of every event.
const Source = "boxoffice.orders"

// version of the payload. A consumer takes n and n−1; the publisher switches last.
const version = 1

// OrderChanged is the payload of every event, version 1. Its detail type says the status.
type OrderChanged struct {
	V       int               `json:"v"`
	OrderID contracts.OrderID `json:"orderId"`
	// Version of the row: the one thing to compare.
	Version int              `json:"version"`
	Status  contracts.Status `json:"status"`
	// At is when the order took that status.
	At            contracts.Instant  `json:"at"`
	UserID        string             `json:"userId,omitempty"`
	ConcertID     string             `json:"concertId"`
	Group         string             `json:"group"`
	Seats         []string           `json:"seats"`
	Amount        *contracts.Money   `json:"amount,omitempty"`
	HoldExpiresAt *contracts.Instant `json:"holdExpiresAt,omitempty"`
	Reason        *Reason            `json:"reason,omitempty"`
}

// Reason of an order that was rejected or revoked.
type Reason struct {
	Code  contracts.Reason `json:"code"`
	Seats []string         `json:"seats,omitempty"`
}

// Event is ready to be put on the bus.
type Event struct {
	DetailType string
	Detail     string
	At         contracts.Instant
}

// detailTypes are the names of the events by status. A version that raised no status has the type of the present one.
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

// DetailType is the name of the event of a status, "" for one that is never stored.
func DetailType(s contracts.Status) string { return detailTypes[s] }

// Of is the event of a row version.
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

// ErrMalformed is a detail that is none of ours, or of a version that is not known.
var ErrMalformed = errors.New("event is malformed")

// Decode reads a detail. Members that version 1 does not have are refused.
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
	case o.OrderID == "" || o.Version < 1 || DetailType(o.Status) == "":
		return OrderChanged{}, fmt.Errorf("%w: orderId %q, version %d, status %q", ErrMalformed, o.OrderID, o.Version, o.Status)
	}
	return o, nil
}
