package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// mapsPerCall is how many groups one call of Redis reads, parallelMaps how many such calls run at the same time.
const (
	mapsPerCall  = 100
	parallelMaps = 2
)

// loadReport counts groups: rebuilt got a RebuildGroup, unknown were not shown by Redis, left are not in Redis and got no
// RebuildGroup.
type loadReport struct{ rebuilt, unknown, left int }

// load reads the state of each group in Redis and sends a RebuildGroup for those that are not there. The run does nothing about
// groups for which Redis does not respond.
func (r *Reconciler) load(ctx context.Context, budget timeBudget, c chosen, run int64) (report loadReport, err error) {
	var p problems
	_, err = forEach(budget, parallelMaps, slices.Collect(slices.Chunk(c.all(), mapsPerCall)), func(groups []*group) error {
		return r.readMaps(ctx, groups)
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
	rebuilds, left := halfOfEach(missing(c.soon), missing(c.rest), maxRebuilds)
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
	_, err = forEach(budget, parallelSends, slices.Collect(slices.Chunk(messages, sendSize)), func(chunk []message.Encoded) error {
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

// readMaps reads the state of some groups in Redis, in one call.
func (r *Reconciler) readMaps(ctx context.Context, groups []*group) error {
	keys := make([]seatstate.GroupVersion, len(groups))
	for i, g := range groups {
		keys[i] = g.GroupVersion
	}
	at := contracts.InstantOf(r.Now())
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
			g.snapshot, g.shown, g.readAt = snapshots[i], true, at
		}
	}
	return err
}

// halfOfEach takes the first items of two lists, at most limit: half from each, or more from one if the other has fewer. left
// counts the items that it did not take.
func halfOfEach[T any](a, b []T, limit int) (taken []T, left int) {
	ofA := min(len(a), max(limit/2, limit-len(b)))
	ofB := min(len(b), limit-ofA)
	return slices.Concat(a[:ofA], b[:ofB]), len(a) + len(b) - ofA - ofB
}

// maxSweeps bounds how many calls end the lapsed holds of one group in a run; parallelGroups bounds how many groups are swept or
// compared at the same time.
const (
	maxSweeps      = 50
	parallelGroups = 16
)

// sweep ends the lapsed holds of a group. Each script call of a handler ends a few of them; sweep is for groups without calls.
func (r *Reconciler) sweep(ctx context.Context, budget timeBudget, g *group) (calls int, err error) {
	for calls < maxSweeps && !budget.spent() {
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

// holding says whether a group is loaded and has held seats: only such a group can have lapsed holds.
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
