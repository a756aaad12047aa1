package redisread

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/pace"
)

// lag is a lag as it was last read; zero before the first read.
type lag struct {
	text string
	at   time.Time
	// since is when this text was first read; every read since then returned the same.
	since time.Time
}

// parseLag parses a lag in milliseconds. A text that is no number, and no text, mean that the lag is not known.
func parseLag(text string) (behind time.Duration, known bool) {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > maxLagMs {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// maxLagMs is a day: longer than any message stays in a queue.
const maxLagMs = 24 * 60 * 60 * 1000

// Pace returns the lag of the latest decision in any group, and for how long this process has read the same. The lag is not known
// if no decision was made in the last seconds or Redis does not answer; an error says so of Redis. It is read at most once in
// seatstate.PaceEvery, since every GET of a queued order needs it.
//
// A known lag counts as unchanged for seatstate.LagKept at most. Its key expires then, so a text that is read for longer was
// written again by decisions that happened to be equally late. That is common where the clock of reserve is behind the clock of
// SQS: each lag is 0 then.
func (r *Reader) Pace(ctx context.Context) (pace.Lag, error) {
	read, err := r.lagOf(ctx, seatstate.PaceKey, &r.pace)
	l := pace.Lag{For: r.now().Sub(read.since)}
	l.Behind, l.Known = parseLag(read.text)
	if l.Known {
		l.For = min(l.For, seatstate.LagKept)
	}
	return l, err
}

// PaymentLag returns how far the steps of payments are behind their queue; 0 if no step was taken for a while. It is read at most
// once in seatstate.PaceEvery, since every POST needs it.
func (r *Reader) PaymentLag(ctx context.Context) (time.Duration, error) {
	read, err := r.lagOf(ctx, seatstate.PaymentLagKey, &r.payments)
	behind, _ := parseLag(read.text)
	return behind, err
}

// maxGap is how far two reads may be apart for a lag to count as unchanged between them. It is just over pace.Most, the longest
// wait of a client: if nobody read the lag for longer, no client was waiting.
const maxGap = pace.Most + time.Second

// lagOf reads a lag, unless the last one is fresh. If Redis does not answer, the lag is not known until the next read: it refuses
// nobody, and not every request waits for an unreachable Redis.
func (r *Reader) lagOf(ctx context.Context, key string, last *lag) (lag, error) {
	now := r.now()
	r.mu.Lock()
	known := *last
	r.mu.Unlock()
	if !known.at.IsZero() && now.Sub(known.at) < seatstate.PaceEvery {
		return known, nil
	}
	var text string
	err := r.call(ctx, key, func(ctx context.Context) (err error) {
		text, err = r.client.Get(ctx, key).Result()
		return err
	})
	read := lag{text: text, at: now, since: known.since}
	if known.at.IsZero() || text != known.text || now.Sub(known.at) > maxGap {
		read.since = now
	}
	r.mu.Lock()
	*last = read
	r.mu.Unlock()
	if err != nil {
		return read, fmt.Errorf("read %s: %w", key, err)
	}
	return read, nil
}
