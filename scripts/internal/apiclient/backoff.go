package apiclient

import (
	"time"

	"boxoffice/contracts"
)

// Backoff says when to poll an order again: after the time that the API says. While the order waits in the queue and does not
// change, each wait is twice the last one, up to 15 s. The API does not know how long a client has waited, so the client itself
// polls less often. A Backoff is for one order and one goroutine. The zero value has no jitter.
type Backoff struct {
	// Jitter returns a random number from [0, n). It keeps clients that started together from polling together.
	Jitter func(n int64) int64
	// AtMost, if it is not 0, bounds the wait for a client that cannot wait as long as the API says, such as a test with holds of 5
	// s. The first wait is at most a quarter of AtMost. It is then doubled up to AtMost.
	AtMost time.Duration

	wait    time.Duration
	version int
}

const (
	// maxWait bounds how late a client sees a decision.
	maxWait = 15 * time.Second
	// defaultWait is the wait if the API says none.
	defaultWait = time.Second
)

// Next returns the wait before the next poll, after a poll that returned o. Without AtMost it is never shorter than the API says.
func (b *Backoff) Next(o Order) time.Duration {
	told, limit := defaultWait, maxWait
	if o.PollAfterMs != nil {
		told = time.Duration(*o.PollAfterMs) * time.Millisecond
	}
	if b.AtMost > 0 {
		told, limit = min(told, b.AtMost/4), b.AtMost
	}
	if o.Status != contracts.Queued || o.Version != b.version || b.wait == 0 {
		b.version, b.wait = o.Version, told
		return told
	}
	b.wait = max(told, min(2*b.wait, limit))
	if b.Jitter == nil || b.wait <= told {
		return b.wait
	}
	// Jitter shortens the wait by at most a quarter, and never below what the API says.
	return b.wait - time.Duration(b.Jitter(int64(min(b.wait/4, b.wait-told))+1))
}
