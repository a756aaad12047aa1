package boot

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

// byShape is the handler of a function that serves HTTP routes and a WebSocket API, whose events have different shapes.
type byShape struct{ requests, sockets lambda.Handler }

// Invoke implements lambda.Handler. Only events of a WebSocket API have an event type.
func (b byShape) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var shape struct {
		RequestContext struct {
			EventType string `json:"eventType"`
		} `json:"requestContext"`
	}
	if err := json.Unmarshal(payload, &shape); err == nil && shape.RequestContext.EventType != "" {
		return b.sockets.Invoke(ctx, payload)
	}
	return b.requests.Invoke(ctx, payload)
}
