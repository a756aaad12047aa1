package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// group is a seat group that a run handles, with its seats and its state in Redis.
type group struct {
	seatstate.GroupVersion
	layout readmodel.LayoutGroup
	// in is the hall of the group.
	in *hall
	// shown says that snapshot is known. Without a response of Redis it is not known whether a group is loaded. A group that is
	// there in another layout version counts as not loaded, and is loaded again.
	shown    bool
	snapshot seatstate.Snapshot
	// readAt is when the snapshot was read.
	readAt contracts.Instant
}

// hall is a concert whose layout a run has read, with all of its groups, also those that the run did not choose.
type hall struct {
	readmodel.Concert
	layout []readmodel.LayoutGroup
}

func (g *group) loaded() bool { return g.shown && g.snapshot.Loaded }

// Bounds of a run, however much is on sale.
const (
	maxGroups = 2000
	// maxSoon bounds the groups of concerts whose sale begins soon or has just begun; the others are taken by rotation.
	maxSoon = maxGroups / 2
	// maxRebuilds bounds the RebuildGroups: each reads the tickets and rows of its group. Half of them are for the concerts of
	// maxSoon and half for the others, so that groups that can never be loaded do not keep a run from the rest.
	maxRebuilds = 200
)

// A run handles a concert from loadBeforeSale before its sale begins until watchAfterSale after its sale ends, for its last holds.
// Until soonAfterSale after the begin of the sale the concert comes first.
const (
	loadBeforeSale = 10 * time.Minute
	soonAfterSale  = 10 * time.Minute
	watchAfterSale = time.Hour
)

// parallelLayouts bounds how many layouts are read at the same time.
const parallelLayouts = 8

// chosen has the groups that a run handles.
type chosen struct {
	// soon has the groups of sales that begin soon or have just begun, the soonest first; rest has the others, by rotation.
	soon, rest []*group
	// left counts concerts of which not all groups were chosen. frozen counts layouts that were marked.
	left, frozen int
	// earlier has the layouts of versions before the one that is sold.
	earlier []earlierLayout
	// watched has the concerts that isWatched, by id. It is nil if not all concerts could be read.
	watched map[string]readmodel.Concert
}

// all returns all groups, those of soon first.
func (c chosen) all() []*group { return slices.Concat(c.soon, c.rest) }

// choose chooses the groups of the run, among those of every watched concert (isWatched). It reads only the layouts of the concerts
// that it chooses. It skips a concert that cannot be read, or whose layout cannot.
func (r *Reconciler) choose(ctx context.Context, budget timeBudget, now contracts.Instant, run int64) (c chosen, err error) {
	var p problems
	concerts, err := r.Catalogue.Concerts(ctx)
	p.add(err)
	concerts = slices.Clone(concerts)
	read := err == nil
	c.frozen, err = r.freeze(ctx, budget, concerts, now)
	p.add(err)
	// Not if some concerts could not be read: the sale that most buyers wait for may be missing.
	if read {
		p.add(r.writeFirst(ctx, concerts, now))
	}
	c.earlier = earlierLayouts(concerts, now, run)
	var soon, rest []span
	if read {
		c.watched = map[string]readmodel.Concert{}
	}
	for _, concert := range concerts {
		if read && isWatched(concert, now) {
			c.watched[concert.ConcertID] = concert
		}
		switch {
		case !isWatched(concert, now):
		case now < concert.OnSaleAt.Add(soonAfterSale):
			soon = append(soon, span{concert, 0, 1})
		default:
			rest = append(rest, span{concert, 0, 1})
		}
	}
	slices.SortFunc(soon, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.OnSaleAt, b.OnSaleAt), cmp.Compare(a.ConcertID, b.ConcertID))
	})
	taken := taken{groups: map[contracts.SeatGroup]bool{}, halls: map[string]*hall{}}
	soon, c.soon, err = r.takeGroups(ctx, budget, soon, maxSoon, taken)
	p.add(err)
	// What is soon and was not chosen takes part in the rotation.
	rest = append(rest, soon...)
	slices.SortFunc(rest, func(a, b span) int { return cmp.Compare(a.ConcertID, b.ConcertID) })
	rest, c.rest, err = r.takeGroups(ctx, budget, inTurn(rest, run), maxGroups-len(c.soon), taken)
	p.add(err)
	left := map[string]bool{}
	for _, sp := range rest {
		left[sp.ConcertID] = true
	}
	c.left = len(left)
	return c, p.err()
}

// isWatched says whether the concert's sale is near, open or just over, and its layout is frozen.
func isWatched(c readmodel.Concert, now contracts.Instant) bool {
	return c.LayoutFrozen == c.LayoutVersion && now >= c.OnSaleAt.Add(-loadBeforeSale) && now < c.OffSaleAt.Add(watchAfterSale)
}

// span is a part of a concert's layout, as fractions of its groups, since their number is not known before the layout is read.
type span struct {
	readmodel.Concert
	from, to float64
}

// bounds returns the groups of the span: from the index from to the one before to.
func (sp span) bounds(layout []readmodel.LayoutGroup) (from, to int) {
	return int(sp.from * float64(len(layout))), int(sp.to * float64(len(layout)))
}

// inTurn returns the spans from the place where the run begins, which may be within a concert, once around to the same place.
func inTurn(spans []span, run int64) []span {
	if len(spans) == 0 {
		return nil
	}
	at := fractionOf(run) * float64(len(spans))
	first := int(at)
	within := at - float64(first)
	turned := rotated(spans, first)
	head := turned[0]
	middle := head.from + within*(head.to-head.from)
	turned[0].from = middle
	head.to = middle
	return append(turned, head)
}

// taken has the groups that a run has chosen, and the halls that they are in, by concert.
type taken struct {
	groups map[contracts.SeatGroup]bool
	halls  map[string]*hall
}

// hallOf returns the one hall of a concert.
func (t taken) hallOf(c readmodel.Concert, layout []readmodel.LayoutGroup) *hall {
	if t.halls[c.ConcertID] == nil {
		t.halls[c.ConcertID] = &hall{Concert: c, layout: layout}
	}
	return t.halls[c.ConcertID]
}

// takeGroups reads layouts, in the order of the spans, until it has limit groups that are not in taken, and adds them there. left
// has the spans, or parts of them, that it did not take.
func (r *Reconciler) takeGroups(
	ctx context.Context, budget timeBudget, spans []span, limit int, taken taken,
) (left []span, groups []*group, err error) {
	var p problems
	begun := false
	for chunk := range slices.Chunk(spans, parallelLayouts) {
		if len(groups) >= limit || begun && budget.spent() {
			left = append(left, chunk...)
			continue
		}
		layouts, err := r.layouts(ctx, chunk)
		begun = true
		p.add(err)
		for i, sp := range chunk {
			at, to := sp.bounds(layouts[i])
			for ; at < to && len(groups) < limit; at++ {
				g := contracts.SeatGroup{ConcertID: sp.ConcertID, Group: layouts[i][at].Group}
				if !taken.groups[g] {
					taken.groups[g] = true
					groups = append(groups, &group{
						GroupVersion: seatstate.In(g, sp.LayoutVersion), layout: layouts[i][at], in: taken.hallOf(sp.Concert, layouts[i]),
					})
				}
			}
			if at < to {
				sp.from = float64(at) / float64(len(layouts[i]))
				left = append(left, sp)
			}
		}
	}
	return left, groups, p.err()
}

// layouts reads the layouts of some concerts concurrently. A layout that cannot be read has no groups.
func (r *Reconciler) layouts(ctx context.Context, spans []span) ([][]readmodel.LayoutGroup, error) {
	layouts := make([][]readmodel.LayoutGroup, len(spans))
	var mu sync.Mutex
	indexes := make([]int, len(spans))
	for i := range indexes {
		indexes[i] = i
	}
	_, err := forEach(timeBudget{}, parallelLayouts, indexes, func(i int) error {
		layout, err := r.Catalogue.Layout(ctx, spans[i].ConcertID, spans[i].LayoutVersion)
		if err != nil {
			return fmt.Errorf("layout of %s: %w", spans[i].ConcertID, err)
		}
		mu.Lock()
		defer mu.Unlock()
		layouts[i] = layout
		return nil
	})
	return layouts, err
}

// commandOf returns the id of a run's commands. It contains the number of the run, so that deduplication does not drop them.
func commandOf(run int64) string { return "r" + strconv.FormatInt(run, 10) }

var errMaps = errors.New("redis did not return every group that was asked for")
