package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindAuditLedger compares what Stripe says was captured and given back with the rows and tickets of the same time.
// Cause: reconcile, an operator; pay itself, to go on with a look that does not fit one message.
// Handler: consumers/internal/pay/ledger.go.
const KindAuditLedger Kind = "AuditLedger"

// AuditLedger is version 1.
type AuditLedger struct {
	// From and To bound the PaymentIntents by the instant that they were made; To is not in it.
	From contracts.Instant `json:"from"`
	To   contracts.Instant `json:"to"`
	Run  int64             `json:"run"`
	// After is the PaymentIntent behind which the look goes on, "" at its begin. Stripe lists the newest first.
	After string `json:"after,omitempty"`
	// Deadline is when the look is given up, because the next one of its kind has begun by then; 0 is never.
	Deadline contracts.Instant `json:"deadline,omitempty"`
}

// Kind implements Message.
func (AuditLedger) Kind() Kind   { return KindAuditLedger }
func (AuditLedger) version() int { return 1 }

// groupLedger orders the audits, so that there are never two at once.
const groupLedger = "ledger"

// Route implements Message.
func (m AuditLedger) Route() Route {
	return Route{Queue: QueuePayments, Group: groupLedger, DeduplicationID: string(KindAuditLedger) + ":" + m.cause()}
}

// cause tells apart the looks of one run, and the places at which one look goes on.
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
