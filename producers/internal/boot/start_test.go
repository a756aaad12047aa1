package boot

import (
	"context"
	"io"

	"github.com/aws/aws-lambda-go/lambda"

	"boxoffice/producers/internal/httpapi"
)

// start is Main without the process around it.
func start[C any](ctx context.Context, function string, vars map[string]string, out io.Writer, wire func(Process, C) (map[string]httpapi.Handler, error)) (lambda.Handler, error) {
	return startRoutes(ctx, function, vars, out, withoutSockets(wire))
}
