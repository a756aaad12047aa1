package contracts

import "slices"

// Status is the state of an order. The graph below is the only place that says which status may follow which;
// consumers/README.md draws it and a test holds the drawing to the table.
type Status string

// Queued is never stored: it is the answer for an order that was accepted and has no row yet.
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

// next is the status graph. Held → Committed should not happen, since the client secret is shown only from
// AwaitingPayment, and is allowed all the same: an authorization that exists is never refused for want of a step.
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

// Next lists the statuses that may follow s, a copy.
func (s Status) Next() []Status { return slices.Clone(next[s]) }

// CanBecome says whether the graph has an edge from s to t.
func (s Status) CanBecome(t Status) bool { return slices.Contains(next[s], t) }

// Open orders hold seats that they may still lose or pay for.
func (s Status) Open() bool { return s == Held || s == AwaitingPayment }

// Paid orders own their seats: tickets are written.
func (s Status) Paid() bool { return s == Committed || s == Confirmed }

// EndedUnpaid orders are dead and were never paid for: whatever is still held for them goes back.
func (s Status) EndedUnpaid() bool { return s == Rejected || s == Expired || s == Cancelled }

// Dead orders own nothing and never will.
func (s Status) Dead() bool {
	switch s {
	case Rejected, Expired, Cancelled, Revoked, Refunded:
		return true
	default:
		return false
	}
}

// Settled orders need no further step: the buyer has the final answer (Confirmed may still be refunded).
func (s Status) Settled() bool { return s == Confirmed || s.Dead() }
