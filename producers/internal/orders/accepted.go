package orders

import (
	"net/http"
	"time"

	"boxoffice/contracts"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
)

// accepted is the body of a 202.
type accepted struct {
	OrderID     contracts.OrderID `json:"orderId"`
	Status      contracts.Status  `json:"status"`
	Version     int               `json:"version"`
	PollAfterMs int               `json:"pollAfterMs"`
	// EstimatedWaitSeconds is set while the order is queued.
	EstimatedWaitSeconds *int `json:"estimatedWaitSeconds,omitempty"`
}

// queued makes the answer about an order that was enqueued. wait is when the client should ask.
func queued(id contracts.OrderID, lag pace.Lag, wait time.Duration) httpapi.Response {
	estimate := pace.WaitSeconds(lag, wait)
	return answer(accepted{OrderID: id, Status: contracts.Queued, PollAfterMs: pace.Ms(wait), EstimatedWaitSeconds: &estimate})
}

// repeated makes the answer about an order that has a row.
func repeated(id contracts.OrderID, status contracts.Status, version int, wait time.Duration) httpapi.Response {
	return answer(accepted{OrderID: id, Status: status, Version: version, PollAfterMs: pace.Ms(wait)})
}

func answer(a accepted) httpapi.Response {
	return httpapi.JSON(http.StatusAccepted, a, httpapi.Headers{
		"Location":    "/api/orders/" + string(a.OrderID),
		"Retry-After": httpapi.RetryAfter(a.PollAfterMs),
	})
}
