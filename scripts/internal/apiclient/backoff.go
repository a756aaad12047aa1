package apiclient

import (
	"time"

	"boxoffice/contracts"
)

// Backoff says when to ask for an order again: when the API tells, and while the order waits in the queue and nothing about it
// changes, after twice the last wait, up to 15 s. A process that answers may know nothing of those before it, so a client
// that waits for long says so itself by coming more seldom. It is for one order and one goroutine; the zero Backoff has no
// jitter.
type Backoff struct {
	// Jitter draws from [0, n). It keeps clients that came together from coming back together.
	Jitter func(n int64) int64
	// AtMost, if it is not 0, is for a client that cannot wait as long as it is told, such as a test of holds of 5 s: a wait
	// that begins with a quarter of AtMost, is doubled like the other and never longer than AtMost.
	AtMost time.Duration

	wait    time.Duration
	version int
}

const (
	// mostWait keeps an answer that came from waiting long to be seen.
	mostWait = 15 * time.Second
	// untold is the wait where the API tells none.
	untold = time.Second
)

// Next takes the last answer and gives the wait before the next look. Without AtMost it is never shorter than the API tells.
func (b *Backoff) Next(o Order) time.Duration {
	told, most := untold, mostWait
	if o.PollAfterMs != nil {
		told = time.Duration(*o.PollAfterMs) * time.Millisecond
	}
	if b.AtMost > 0 {
		told, most = min(told, b.AtMost/4), b.AtMost
	}
	if o.Status != contracts.Queued || o.Version != b.version || b.wait == 0 {
		b.version, b.wait = o.Version, told
		return told
	}
	b.wait = max(told, min(2*b.wait, most))
	if b.Jitter == nil || b.wait <= told {
		return b.wait
	}
	// A quarter less at most, and never earlier than told.
	return b.wait - time.Duration(b.Jitter(int64(min(b.wait/4, b.wait-told))+1))
}
