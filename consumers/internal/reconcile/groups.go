package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// group is a seat group that is looked after, with its seats and what Redis shows of it as a run begins.
type group struct {
	contracts.SeatGroup
	layout   readmodel.LayoutGroup
	snapshot seatstate.Snapshot
}

// groups are the seat groups of every concert whose sale is near, open or just over, with a frozen layout. Those that
// were compared with their rows the longest ago come first, so that a run that is out of time does not leave the same
// ones each time.
func (r *Reconciler) groups(ctx context.Context, now contracts.Instant) ([]group, error) {
	concerts, err := r.Catalogue.Concerts(ctx)
	if err != nil {
		return nil, err
	}
	var groups []group
	var problems []error
	for _, c := range concerts {
		if !lookedAfter(c, now) {
			continue
		}
		layout, err := r.Catalogue.Layout(ctx, c.ConcertID, c.LayoutVersion)
		if err != nil {
			problems = append(problems, fmt.Errorf("layout of %s: %w", c.ConcertID, err))
			continue
		}
		for _, g := range layout {
			groups = append(groups, group{SeatGroup: contracts.SeatGroup{ConcertID: c.ConcertID, Group: g.Group}, layout: g})
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int {
		last, _ := r.compared(a.SeatGroup)
		other, _ := r.compared(b.SeatGroup)
		return cmp.Compare(last.at, other.at)
	})
	return groups, errors.Join(problems...)
}

func lookedAfter(c readmodel.Concert, now contracts.Instant) bool {
	return c.LayoutFrozen == c.LayoutVersion && now >= c.OnSaleAt.Add(-before) && now < c.OffSaleAt.Add(after)
}

// commandOf names a run's commands. The number of the run makes each of them a new one, which deduplication does not
// swallow.
func commandOf(run int64) string { return "r" + strconv.FormatInt(run, 10) }

// load notes what Redis shows of each group and sends a RebuildGroup for those that are not there. Without Redis none is
// there for this run: the rows can still be looked at, since an order ends whether its group is loaded or not.
func (r *Reconciler) load(ctx context.Context, groups []group, run int64) (rebuilt int, err error) {
	if len(groups) == 0 {
		return 0, nil
	}
	keys := make([]contracts.SeatGroup, len(groups))
	for i, g := range groups {
		keys[i] = g.SeatGroup
	}
	snapshots, err := r.Groups.Maps(ctx, keys)
	if err != nil {
		return 0, err
	}
	var messages []message.Encoded
	for i, g := range groups {
		groups[i].snapshot = snapshots[i]
		if snapshots[i].Loaded {
			continue
		}
		encoded, err := message.Encode(message.RebuildGroup{ConcertID: g.ConcertID, Group: g.Group, CommandID: commandOf(run)}, "")
		if err != nil {
			return 0, err
		}
		messages = append(messages, encoded)
	}
	if len(messages) == 0 {
		return 0, nil
	}
	if err := r.Sender.Send(ctx, messages...); err != nil {
		return 0, fmt.Errorf("send RebuildGroup: %w", err)
	}
	return len(messages), nil
}

// sweeps bounds how many calls end the lapsed holds of one group in a run.
const sweeps = 50

// sweep ends the lapsed holds of a group. Each script call of a handler ends a few; this is for groups that nobody asks.
func (r *Reconciler) sweep(ctx context.Context, g contracts.SeatGroup) (calls int, err error) {
	for calls < sweeps {
		left, err := r.Groups.Sweep(ctx, g)
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
