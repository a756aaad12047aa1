package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// groups are the seat groups of every concert whose sale is near, open or just over, with a frozen layout.
func (r Reconciler) groups(ctx context.Context, now contracts.Instant) ([]contracts.SeatGroup, error) {
	concerts, err := r.Catalogue.Concerts(ctx)
	if err != nil {
		return nil, err
	}
	var groups []contracts.SeatGroup
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
			groups = append(groups, contracts.SeatGroup{ConcertID: c.ConcertID, Group: g.Group})
		}
	}
	return groups, errors.Join(problems...)
}

func lookedAfter(c readmodel.Concert, now contracts.Instant) bool {
	return c.LayoutFrozen == c.LayoutVersion && now >= c.OnSaleAt.Add(-before) && now < c.OffSaleAt.Add(after)
}

// load sends a RebuildGroup for each group that is not in Redis, and answers those that are. Without Redis there is none:
// the rows can still be looked at, since an order ends whether its group is there or not.
func (r Reconciler) load(ctx context.Context, groups []contracts.SeatGroup, run int64) (loaded map[contracts.SeatGroup]bool, rebuilt int, err error) {
	if len(groups) == 0 {
		return nil, 0, nil
	}
	maps, err := r.Groups.Maps(ctx, groups)
	if err != nil {
		return nil, 0, err
	}
	loaded = map[contracts.SeatGroup]bool{}
	var messages []message.Encoded
	for i, g := range groups {
		if maps[i].Loaded {
			loaded[g] = true
			continue
		}
		encoded, err := message.Encode(message.RebuildGroup{
			ConcertID: g.ConcertID, Group: g.Group, CommandID: "r" + strconv.FormatInt(run, 10),
		}, "")
		if err != nil {
			return loaded, 0, err
		}
		messages = append(messages, encoded)
	}
	if len(messages) == 0 {
		return loaded, 0, nil
	}
	if err := r.Sender.Send(ctx, messages...); err != nil {
		return loaded, 0, fmt.Errorf("send RebuildGroup: %w", err)
	}
	return loaded, len(messages), nil
}

// sweeps bounds how many calls end the lapsed holds of one group in a run.
const sweeps = 50

// sweep ends the lapsed holds of a group. Each script call of a handler ends a few; this is for groups that nobody asks.
func (r Reconciler) sweep(ctx context.Context, g contracts.SeatGroup) (calls int, err error) {
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
