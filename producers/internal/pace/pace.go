// Package pace tells a client when to ask again, and a buyer how long it may take.
package pace

import (
	"time"

	"boxoffice/contracts"
)

// Bounds of the pace of an order that waits in the queue. The least is about what a decision takes when there is no
// rush; the most keeps a page alive to its reader.
const (
	leastQueued = 300 * time.Millisecond
	mostQueued  = 15 * time.Second
	open        = time.Second
)

// PollAfterMs is the pace for an order in a status, in milliseconds. One that is queued is asked for twice within the
// lag of the queue; one that is open waits for its buyer; one that is settled is not asked for again.
func PollAfterMs(s contracts.Status, lag time.Duration) int {
	switch {
	case s == contracts.Queued:
		return int(min(max(lag/2, leastQueued), mostQueued).Milliseconds())
	case s.Settled():
		return 0
	default:
		return int(open.Milliseconds())
	}
}

// WaitSeconds is the estimated wait that a lag means, in whole seconds, rounded up.
func WaitSeconds(lag time.Duration) int { return int((lag + time.Second - 1) / time.Second) }
