package redisread

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/pace"
)

// lag is one that was read at an instant; zero when it was not yet.
type lag struct {
	text string
	at   time.Time
	// since is when the text was first read that it has had at each read from then on.
	since time.Time
}

// parseLag reads a lag. One that is no number is not known.
func parseLag(text string) (behind time.Duration, known bool) {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > maxLagMs {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// maxLagMs is a day: more than any message lives to see.
const maxLagMs = 24 * 60 * 60 * 1000

// Pace is the lag of whoever decided last, in any group, and for how long this process has read the same; not known when no
// decision was made in the last seconds, or Redis does not say. It is read at most once in seatstate.PaceEvery, since every
// GET of a queued order asks for it.
//
// A known lag stands for seatstate.LagKept at most: its key expires then, so a text that is read for longer was written again
// by decisions that happened to be equally late. That is common where the clock of reserve is behind that of SQS: each lag
// is 0 then.
func (r *Reader) Pace(ctx context.Context) (pace.Lag, error) {
	read, err := r.lagOf(ctx, seatstate.PaceKey, &r.pace)
	l := pace.Lag{For: r.now().Sub(read.since)}
	l.Behind, l.Known = parseLag(read.text)
	if l.Known {
		l.For = min(l.For, seatstate.LagKept)
	}
	return l, err
}

// PaymentLag is how far the steps of payments are behind their queue; 0 when none was taken for a while. It is read at
// most once in seatstate.PaceEvery, since every POST asks for it.
func (r *Reader) PaymentLag(ctx context.Context) (time.Duration, error) {
	read, err := r.lagOf(ctx, seatstate.PaymentLagKey, &r.payments)
	behind, _ := parseLag(read.text)
	return behind, err
}

// quiet is for how long nobody may ask for a lag before what was read no longer counts as standing since then. It is just over
// pace.Most, the longest wait that anybody is told: who waits for an order asks more often, so nobody was waiting.
const quiet = pace.Most + time.Second

// lagOf reads a lag, unless the last one is young enough. No answer is a lag that is not known until the next read: it
// refuses nobody, and not every request waits for a Redis that is away.
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
	if known.at.IsZero() || text != known.text || now.Sub(known.at) > quiet {
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
