package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindAuditLedger compares what Stripe says was captured and given back with the rows and tickets of the same time.
// Cause: reconcile, an operator. Handler: consumers/internal/pay/ledger.go.
const KindAuditLedger Kind = "AuditLedger"

// AuditLedger is version 1.
type AuditLedger struct {
	// From and To bound the PaymentIntents by the instant that they were made; To is not in it.
	From contracts.Instant `json:"from"`
	To   contracts.Instant `json:"to"`
	Run  int64             `json:"run"`
}

// Kind implements Message.
func (AuditLedger) Kind() Kind   { return KindAuditLedger }
func (AuditLedger) version() int { return 1 }

// groupLedger orders the audits, so that there are never two at once.
const groupLedger = "ledger"

// Route implements Message.
func (m AuditLedger) Route() Route {
	return Route{Queue: QueuePayments, Group: groupLedger, DeduplicationID: string(KindAuditLedger) + ":r" + strconv.FormatInt(m.Run, 10)}
}

func (m AuditLedger) attributes() Attributes { return Attributes{} }

// Validate implements Message.
func (m AuditLedger) Validate() error {
	var p problems
	p.checkf(m.From >= 1, "from is %d, want at least 1", m.From)
	p.checkf(m.To > m.From, "to is %d, want after from", m.To)
	p.checkf(m.Run >= 1, "run is %d, want at least 1", m.Run)
	return p.err()
}
