package notify

import (
	"time"

	"boxoffice/consumers/internal/mails"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// mailsUntil is how long after its cause a mail is still sent. After an outage of days a mail would tell old news; and events that
// an operator publishes again must not send mails again, which the table sent does not prevent for ever.
const mailsUntil = 5 * 24 * time.Hour

// sentFor is how long the table sent keeps an effect: longer than a message can be in the queue, and longer than mailsUntil.
const sentFor = 14 * 24 * time.Hour

// due is a mail about an order.
type due struct {
	kind mails.Kind
	// version is the one with which the order reached its status, and reachedAt when. Later versions with the same status lead to the
	// same mail.
	version   int
	reachedAt contracts.Instant
}

// mailDue returns the mail of an order's status. README.md says why a status has one or none.
func mailDue(row readmodel.Order) (d due, ok bool) {
	if len(row.History) == 0 {
		return due{}, false
	}
	last := row.History[len(row.History)-1]
	kind, ok := kindDue(row, last)
	return due{kind: kind, version: last.Version, reachedAt: last.At}, ok
}

func kindDue(row readmodel.Order, last readmodel.HistoryEntry) (mails.Kind, bool) {
	declined := row.Payment != nil && row.Payment.LastError != nil
	switch row.Status {
	case contracts.Confirmed:
		return mails.OrderConfirmed, true
	case contracts.Expired:
		if declined {
			return mails.PaymentFailed, true
		}
		return mails.HoldEnded, true
	case contracts.Rejected:
		switch {
		case row.HeldAt == 0:
			// The buyer waits for this answer on the page, and never had seats.
			return "", false
		case row.Reason != nil && (row.Reason.Code == contracts.ReasonPaymentRefused || row.Reason.Code == contracts.ReasonPaymentMismatch):
			return mails.PaymentFailed, true
		default:
			return mails.OrderFailed, true
		}
	case contracts.Cancelled:
		// Whoever cancels by hand knows it.
		return mails.OrderCancelled, last.Cause != string(message.KindCancelOrder)
	case contracts.Revoked:
		return mails.OrderRevoked, true
	case contracts.Refunded:
		return mails.OrderRefunded, true
	default:
		return "", false
	}
}
