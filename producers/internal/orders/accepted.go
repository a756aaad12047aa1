package orders

import (
	"net/http"
	"time"

	"boxoffice/contracts"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
)

// accepted is the answer 202.
type accepted struct {
	OrderID     contracts.OrderID `json:"orderId"`
	Status      contracts.Status  `json:"status"`
	Version     int               `json:"version"`
	PollAfterMs int               `json:"pollAfterMs"`
	// EstimatedWaitSeconds is there while the order is queued.
	EstimatedWaitSeconds *int `json:"estimatedWaitSeconds,omitempty"`
}

// queued is the answer about an order that waits for its turn.
func queued(id contracts.OrderID, lag pace.Lag, after time.Duration) httpapi.Response {
	wait := pace.WaitSeconds(lag, after)
	return answer(accepted{OrderID: id, Status: contracts.Queued, PollAfterMs: pace.Ms(after), EstimatedWaitSeconds: &wait})
}

// repeated is the answer about an order that has a row.
func repeated(id contracts.OrderID, status contracts.Status, version int, after time.Duration) httpapi.Response {
	return answer(accepted{OrderID: id, Status: status, Version: version, PollAfterMs: pace.Ms(after)})
}

func answer(a accepted) httpapi.Response {
	return httpapi.JSON(http.StatusAccepted, a, httpapi.Headers{
		"Location":    "/api/orders/" + string(a.OrderID),
		"Retry-After": httpapi.RetryAfter(a.PollAfterMs),
	})
}
