package admission

import (
	"time"

	"boxoffice/producers/internal/pace"
)

// Codes of refusals that a lag causes.
const (
	CodeQueueFull   = "queue_full"
	CodePaymentBusy = "payment_busy"
)

const (
	// maxQueueLag bounds how far the decisions of a group may be behind its queue. Beyond it an order would only wait for a
	// certain refusal.
	maxQueueLag = 60 * time.Second
	// maxPaymentLag bounds how far payments may be behind. Beyond it holds would end before their buyers could pay.
	maxPaymentLag = 60 * time.Second
	// maxOutage bounds how long orders are accepted without reading their seats while Redis is unreachable.
	maxOutage = 30 * time.Second
)

// CheckQueue refuses an order for a group whose decisions are more than 60 s behind. lag is 0 if it is not known. The error is a
// *Refusal.
func CheckQueue(lag time.Duration) error {
	if lag <= maxQueueLag {
		return nil
	}
	return busy(CodeQueueFull, "More orders are waiting for these seats than can be decided soon.", lag)
}

// CheckPayments refuses every order while payments are more than 60 s behind. lag is 0 if it is not known. The error is a
// *Refusal.
func CheckPayments(lag time.Duration) error {
	if lag <= maxPaymentLag {
		return nil
	}
	return busy(CodePaymentBusy, "Payments take longer than seats can be held right now. Send it again with the same Idempotency-Key.", lag)
}

// AcceptsBlindly says whether an order may enter the queue although its seats could not be read, when Redis has been unreachable
// for this long. Until then the queue decides.
func AcceptsBlindly(outage time.Duration) bool { return outage < maxOutage }

func busy(code, detail string, lag time.Duration) error {
	return &Refusal{Code: code, Detail: detail, RetryAfter: pace.Queued(pace.Lag{Behind: lag, Known: true}, nil)}
}
