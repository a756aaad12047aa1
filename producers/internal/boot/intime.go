package boot

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// answerTime is the part of an invocation's time that is reserved for its answer to reach Lambda. A handler's context ends that
// much before Lambda kills the process: the client then gets our answer, which says that it may ask again, and not the gateway's.
const answerTime = 300 * time.Millisecond

// errTimeOver is the cause with which a handler's context ends.
var errTimeOver = errors.New("the invocation has only the time for its answer left")

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
