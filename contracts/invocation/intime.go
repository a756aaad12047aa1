package invocation

import (
	"context"
	"errors"
	"time"
)

// AnswerTime is the part of an invocation's time that is reserved for its answer to reach Lambda: the context of a handler ends that
// much before Lambda kills the process. Without it, an HTTP client would get the gateway's answer instead of ours, which says when to
// ask again, and a batch would be redelivered as a whole. Time that a handler reserves itself (sqsbatch for returning messages,
// reconcile for its next parts) is taken from what is left.
const AnswerTime = 300 * time.Millisecond

// errTimeOver is the cause with which a handler's context ends.
var errTimeOver = errors.New("the invocation has only the time for its answer left")

// inTime ends the context of a handler AnswerTime before the deadline that Lambda has set.
type inTime struct{ next Handler }

// Invoke implements Handler.
func (h inTime) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, end.Add(-AnswerTime), errTimeOver)
		defer cancel()
	}
	return h.next.Invoke(ctx, payload)
}
