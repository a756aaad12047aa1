package contracts

import "slices"

// Status is the state of an order. The graph below is the only place that says which status may follow which.
// consumers/README.md draws it; a test compares the drawing with the graph.
type Status string

// Statuses of an order. Queued is never stored: it is the status of an order that was accepted and has no row yet.
const (
	Queued          Status = "QUEUED"
	Held            Status = "HELD"
	AwaitingPayment Status = "AWAITING_PAYMENT"
	Committed       Status = "COMMITTED"
	Confirmed       Status = "CONFIRMED"
	Rejected        Status = "REJECTED"
	Expired         Status = "EXPIRED"
	Cancelled       Status = "CANCELLED"
	Revoked         Status = "REVOKED"
	Refunded        Status = "REFUNDED"
)

// next is the status graph. Held → Committed should not happen, because a buyer sees the client secret only from
// AwaitingPayment on. It is allowed so that an existing authorisation is never refused because of a missing step.
var next = map[Status][]Status{
	Queued:          {Held, Rejected},
	Held:            {AwaitingPayment, Committed, Expired, Cancelled, Rejected},
	AwaitingPayment: {Committed, Expired, Cancelled, Rejected},
	Committed:       {Confirmed, Revoked},
	Confirmed:       {Refunded},
	Rejected:        {},
	Expired:         {},
	Cancelled:       {},
	Revoked:         {},
	Refunded:        {},
}

// Statuses lists every status in the order of the pipeline.
func Statuses() []Status {
	return []Status{Queued, Held, AwaitingPayment, Committed, Confirmed, Rejected, Expired, Cancelled, Revoked, Refunded}
}

// Next returns a copy of the list of statuses that may follow s.
func (s Status) Next() []Status { return slices.Clone(next[s]) }

// CanBecome reports whether the graph has an edge from s to t.
func (s Status) CanBecome(t Status) bool { return slices.Contains(next[s], t) }

// Open reports whether an order holds seats that its buyer can still pay for or lose.
func (s Status) Open() bool { return s == Held || s == AwaitingPayment }

// Paid reports whether an order owns its seats: its tickets are written.
func (s Status) Paid() bool { return s == Committed || s == Confirmed }

// EndedUnpaid reports whether an order is dead and was never paid. Seats that are still held for it are released.
func (s Status) EndedUnpaid() bool { return s == Rejected || s == Expired || s == Cancelled }

// Dead reports whether an order owns no seat and never will.
func (s Status) Dead() bool {
	switch s {
	case Rejected, Expired, Cancelled, Revoked, Refunded:
		return true
	default:
		return false
	}
}

// Settled reports whether an order needs no further step: the buyer has the final answer. A Confirmed order may still be
// refunded.
func (s Status) Settled() bool { return s == Confirmed || s.Dead() }
