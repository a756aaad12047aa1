// Package pace computes when a client should ask again, and how long a buyer may have to wait. It is pure.
//
// Every answer about an order that is not settled has a wait, and a crowd obeys it: 100,000 clients that wait 300 ms make 333,000
// requests a second. So the wait is short only where decisions are known to be fast. Where nothing is known, or nothing changes,
// the wait grows, and it is spread at random so that clients that came together do not ask together.
package pace

import (
	"time"

	"boxoffice/contracts"
)

// Bounds of the waits.
const (
	// leastQueued is about how long a decision takes when there is no rush.
	leastQueued = 300 * time.Millisecond
	// Most is the longest wait. It is short enough for a page to look alive.
	Most = 15 * time.Second
	// leastUnknown and mostUnknown bound the wait while no lag is known. Once that has lasted, leastUnknownLong and Most do.
	leastUnknown     = 2 * time.Second
	mostUnknown      = 5 * time.Second
	leastUnknownLong = 10 * time.Second
	// leastAwaiting and mostAwaiting bound the wait of an order that awaits payment. It changes when its buyer pays, whatever its
	// age.
	leastAwaiting = 2 * time.Second
	mostAwaiting  = 3 * time.Second
	// leastOpen and mostOpen bound the wait of an order whose next step is ours. It changes within a second; if it does not, its
	// buyer must still see the change in time to pay.
	leastOpen = time.Second
	mostOpen  = 5 * time.Second
)

// Source draws jitter: a number in [0, n), n ≥ 1. A *rand.Rand of math/rand/v2 is one. With a nil Source every wait is the least
// one.
type Source interface{ Int64N(n int64) int64 }

// Lag says how far decisions are behind the queue. The zero Lag means that nothing is known.
type Lag struct {
	// Behind is the lag of the latest decision, if Known.
	Behind time.Duration
	// Known says that a decision was made in the last seconds.
	Known bool
	// For is how long this has not changed while it was being read: no decision has been made since, or none has been known.
	For time.Duration
}

// Queued returns the wait of an order that is in the queue.
//
// With a known lag it is half of the lag, so that a client asks twice within it, from 300 ms to 15 s. A lag that does not change
// counts as one that grows, since nothing has been decided since. Without a lag it is between 2 and 5 s at first, and between 10
// and 15 s once none has been known for 16 s. The age of the order is not known: no store has it, and the id does not contain it,
// because a repeat of any age must be the same order.
func Queued(l Lag, jitter Source) time.Duration {
	since := max(l.For, 0)
	if l.Known {
		return min(max((l.Behind+since)/2, leastQueued), Most)
	}
	return between(min(leastUnknown+since/2, leastUnknownLong), min(mostUnknown+since, Most), jitter)
}

// Row returns the wait of an order that has a row; 0 if the order is settled. unchanged is how long the row has been as it is.
func Row(s contracts.Status, unchanged time.Duration, jitter Source) time.Duration {
	switch {
	case s.Settled():
		return 0
	case s == contracts.AwaitingPayment:
		return between(leastAwaiting, mostAwaiting, jitter)
	default:
		return min(max(unchanged/2, leastOpen), mostOpen)
	}
}

// between draws a wait of whole milliseconds from least to most, both included.
func between(least, most time.Duration, jitter Source) time.Duration {
	if jitter == nil {
		return least
	}
	return least + time.Duration(jitter.Int64N((most-least).Milliseconds()+1))*time.Millisecond
}

// Ms returns a wait in whole milliseconds, as the API states it.
func Ms(wait time.Duration) int { return int(wait.Milliseconds()) }

// WaitSeconds returns the estimated time in whole seconds, rounded up, until an order in the queue is decided. Without a known
// lag it is wait, the time until the client asks again: an unknown time must not be shown as 0 s.
func WaitSeconds(l Lag, wait time.Duration) int {
	if l.Known {
		wait = l.Behind
	}
	return int((wait + time.Second - 1) / time.Second)
}
