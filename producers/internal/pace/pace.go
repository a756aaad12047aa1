// Package pace tells a client when to ask again.
package pace

import "boxoffice/contracts"

// PollAfterMs is the pace for an order in a status, in milliseconds: a queued order is decided within a fraction of a
// second when there is no rush; an open one waits for its buyer.
func PollAfterMs(s contracts.Status) int {
	switch {
	case s == contracts.Queued:
		return 300
	case s.Settled():
		return 0
	default:
		return 1000
	}
}
