package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindAuditLedger asks for a comparison of Stripe's captures and refunds with the rows and tickets of the same time.
// Cause: reconcile; an operator; pay itself, to continue a comparison that does not fit into one message.
// Handler: consumers/internal/pay/ledger.go.
const KindAuditLedger Kind = "AuditLedger"

// AuditLedger is version 1.
type AuditLedger struct {
	// From (inclusive) and To (exclusive) select PaymentIntents by the instant at which they were created.
	From contracts.Instant `json:"from"`
	To   contracts.Instant `json:"to"`
	// Run is the number of the reconcile run that asked, at least 1.
	Run int64 `json:"run"`
	// After is the PaymentIntent after which the comparison continues; "" at the start. Stripe lists the newest first.
	After string `json:"after,omitempty"`
	// Deadline is when the comparison stops, because the next one of its kind has started by then; 0 means never.
	Deadline contracts.Instant `json:"deadline,omitempty"`
}

// Kind implements Message.
func (AuditLedger) Kind() Kind   { return KindAuditLedger }
func (AuditLedger) version() int { return 1 }

// groupLedger is the message group of all audits, so that two never run at once.
const groupLedger = "ledger"

// Route implements Message.
func (m AuditLedger) Route() Route {
	return Route{Queue: QueuePayments, Group: groupLedger, DeduplicationID: string(KindAuditLedger) + ":" + m.cause()}
}

// cause identifies one window of one run and the place where its comparison continues.
func (m AuditLedger) cause() string {
	cause := "r" + strconv.FormatInt(m.Run, 10)
	for _, at := range []contracts.Instant{m.From, m.To} {
		cause += "-" + strconv.FormatInt(int64(at), 10)
	}
	if m.After != "" {
		cause += ":" + m.After
	}
	return cause
}

func (m AuditLedger) attributes() Attributes { return Attributes{} }

// Validate implements Message.
func (m AuditLedger) Validate() error {
	var p problems
	p.checkf(m.From >= 1, "from is %d, want at least 1", m.From)
	p.checkf(m.To > m.From, "to is %d, want after from", m.To)
	p.checkf(m.Run >= 1, "run is %d, want at least 1", m.Run)
	p.checkf(m.After == "" || validStripeID(m.After), "after %q is no PaymentIntent", m.After)
	p.checkf(m.Deadline >= 0, "deadline is %d, want at least 0", m.Deadline)
	return p.err()
}
