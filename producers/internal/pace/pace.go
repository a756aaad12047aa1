// Package pace tells a client when to ask again, and a buyer how long it may take.
//
// Every answer about an order that is not settled says when to look again, and a crowd does what it is told: 100,000 clients
// that are told 300 ms are 333,000 requests a second. So a short wait is told only where decisions are known to be made fast.
// Where nothing is known, or nothing changes, the wait grows, and it is spread so that clients that came together do not come
// back together.
package pace

import (
	"time"

	"boxoffice/contracts"
)

// Bounds of what is told.
const (
	// leastQueued is about what a decision takes when there is no rush.
	leastQueued = 300 * time.Millisecond
	// Most is the longest wait told. It keeps a page alive to its reader.
	Most = 15 * time.Second
	// Where no lag is known a client is told between leastUnknown and mostUnknown, and after some time of that between
	// leastUnknownLong and Most.
	leastUnknown     = 2 * time.Second
	mostUnknown      = 5 * time.Second
	leastUnknownLong = 10 * time.Second
	// An order that awaits payment changes when its buyer pays, whatever its age.
	leastAwaiting = 2 * time.Second
	mostAwaiting  = 3 * time.Second
	// An order whose next step is ours changes within a second. If it does not, its buyer must still hear of it in time to pay.
	leastOpen = time.Second
	mostOpen  = 5 * time.Second
)

// Source is where jitter is drawn from: a number in [0, n), n ≥ 1. A *rand.Rand of math/rand/v2 is one. Without a source,
// nil, the least is told.
type Source interface{ Int64N(n int64) int64 }

// Lag is what is known of how far decisions are behind the queue. The zero Lag is that nothing is known.
type Lag struct {
	// Behind is the lag of whoever decided last.
	Behind time.Duration
	// Known says that a decision was made within the last seconds.
	Known bool
	// For is how long that has not changed, while it was asked for: no decision has been made since, or none is known.
	For time.Duration
}

// Queued is when to ask again for an order that waits in the queue.
//
// With a known lag it is half of it, so that an order is asked for twice within it. A lag that does not change counts as one
// that grows, since nothing has been decided since. With none it is between 2 and 5 s at first, and between 10 and 15 s when
// none has been known for 16 s. The age of the order itself is not known: no store has it, and its id says none, since a
// retry of any age has to be the same order.
func Queued(l Lag, jitter Source) time.Duration {
	since := max(l.For, 0)
	if l.Known {
		return min(max((l.Behind+since)/2, leastQueued), Most)
	}
	return between(min(leastUnknown+since/2, leastUnknownLong), min(mostUnknown+since, Most), jitter)
}

// Row is when to ask again for an order that has a row, unchanged is for how long it has been as it is. An order that is
// settled is not asked for again: 0.
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

// Ms is a wait in whole milliseconds, as the API tells it.
func Ms(wait time.Duration) int { return int(wait.Milliseconds()) }

// WaitSeconds is the estimated wait of an order in the queue, in whole seconds, rounded up. Where no lag is known it is told,
// when to look again: that nothing is known is no wait of 0 s.
func WaitSeconds(l Lag, told time.Duration) int {
	wait := told
	if l.Known {
		wait = l.Behind
	}
	return int((wait + time.Second - 1) / time.Second)
}
