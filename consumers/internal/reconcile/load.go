package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// mapsOf is how many groups Redis is asked for in one call, parallelMaps how many calls there are at the same time.
const (
	mapsOf       = 100
	parallelMaps = 2
)

// loadReport counts what became of the groups that are not in Redis. Of unknown groups Redis did not say whether they are; left
// are groups that are not there and whose RebuildGroup was not sent.
type loadReport struct{ rebuilt, unknown, left int }

// load notes what Redis shows of each group and sends a RebuildGroup for those that are not there. If Redis does not answer,
// nothing is known of its groups, and the run leaves them alone.
func (r *Reconciler) load(ctx context.Context, s share, c chosen, run int64) (report loadReport, err error) {
	var p problems
	_, err = each(s, parallelMaps, slices.Collect(slices.Chunk(c.all(), mapsOf)), func(groups []*group) error {
		return r.show(ctx, groups)
	})
	p.add(err)
	missing := func(groups []*group) (out []*group) {
		for _, g := range groups {
			if !g.shown {
				report.unknown++
			} else if !g.snapshot.Loaded {
				out = append(out, g)
			}
		}
		return out
	}
	rebuilds, left := shared(missing(c.soon), missing(c.rest), maxRebuilds)
	report.left = left
	messages := make([]message.Encoded, 0, len(rebuilds))
	for _, g := range rebuilds {
		encoded, err := message.Encode(message.RebuildGroup{ConcertID: g.ConcertID, Group: g.Group, CommandID: commandOf(run)}, "")
		if err != nil {
			p.add(fmt.Errorf("group %s: %w", g.Key(), err))
			report.left++
			continue
		}
		messages = append(messages, encoded)
	}
	var mu sync.Mutex
	report.left += len(messages)
	_, err = each(s, sendAll, slices.Collect(slices.Chunk(messages, sendOf)), func(chunk []message.Encoded) error {
		if err := r.Sender.Send(ctx, chunk...); err != nil {
			return fmt.Errorf("send RebuildGroup: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		report.rebuilt += len(chunk)
		report.left -= len(chunk)
		return nil
	})
	p.add(err)
	return report, p.err()
}

// show reads what Redis has of some groups, in one call.
func (r *Reconciler) show(ctx context.Context, groups []*group) error {
	keys := make([]seatstate.GroupVersion, len(groups))
	for i, g := range groups {
		keys[i] = g.GroupVersion
	}
	snapshots, err := r.Groups.Maps(ctx, keys)
	unread := &holds.UnreadError{}
	if err != nil && !errors.As(err, &unread) {
		return err
	}
	if len(snapshots) != len(groups) {
		return fmt.Errorf("%w: %d of %d", errMaps, len(snapshots), len(groups))
	}
	for i, g := range groups {
		if !slices.Contains(unread.Groups, g.SeatGroup) {
			g.snapshot, g.shown = snapshots[i], true
		}
	}
	return err
}

// shared takes the first items of two lists, limit in all: half from each, or more from one where the other has fewer. left is
// how many it did not take.
func shared[T any](a, b []T, limit int) (taken []T, left int) {
	ofA := min(len(a), max(limit/2, limit-len(b)))
	ofB := min(len(b), limit-ofA)
	return slices.Concat(a[:ofA], b[:ofB]), len(a) + len(b) - ofA - ofB
}

// maxSweeps bounds how many calls end the lapsed holds of one group in a run; parallelGroups is how many groups are swept or
// compared at the same time.
const (
	maxSweeps      = 50
	parallelGroups = 16
)

// sweep ends the lapsed holds of a group. Each script call of a handler ends a few; this is for groups that nobody asks.
func (r *Reconciler) sweep(ctx context.Context, s share, g *group) (calls int, err error) {
	for calls < maxSweeps && !s.over() {
		left, err := r.Groups.Sweep(ctx, g.GroupVersion)
		if err != nil {
			return calls, fmt.Errorf("sweep %s: %w", g.Key(), err)
		}
		calls++
		if left == 0 {
			break
		}
	}
	return calls, nil
}

// holding says whether a group has held seats: only there a hold can have lapsed.
func (g *group) holding() bool {
	if !g.loaded() {
		return false
	}
	for place := range g.layout.Seats {
		if g.snapshot.Map.At(place) == seatstate.Held {
			return true
		}
	}
	return false
}
