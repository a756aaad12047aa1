package boot

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// answerTime is what is kept of an invocation's time for its answer to reach Lambda. Everything that a handler does ends with
// its context, that much before Lambda kills the process: an outcome that comes too late is a batch that comes again as a
// whole. This is the one place that decides it; what a handler keeps of its context's time (sqsbatch for returning messages,
// reconcile for its next parts) comes on top.
const answerTime = 300 * time.Millisecond

// errTimeOver is the cause with which a handler's context ends.
var errTimeOver = errors.New("the invocation's time is over but for its answer")

// inTime ends the context of a handler answerTime before the deadline that Lambda has set.
type inTime struct{ next lambda.Handler }

// Invoke implements lambda.Handler.
func (h inTime) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, end.Add(-answerTime), errTimeOver)
		defer cancel()
	}
	return h.next.Invoke(ctx, payload)
}
