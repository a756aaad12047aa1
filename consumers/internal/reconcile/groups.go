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

// group is a seat group that a run looks at, with its seats and what Redis shows of it.
type group struct {
	seatstate.GroupVersion
	layout readmodel.LayoutGroup
	// shown says that snapshot is known: without an answer of Redis a group is neither loaded nor not loaded. One that is there
	// in another layout version is not loaded, and is loaded anew.
	shown    bool
	snapshot seatstate.Snapshot
}

func (g *group) loaded() bool { return g.shown && g.snapshot.Loaded }

// How many groups a run looks at, whatever is on sale.
const (
	maxGroups = 2000
	// maxSoon of them are of concerts whose sale begins soon or has just begun; the others are taken by rotation.
	maxSoon = maxGroups / 2
	// maxRebuilds bounds the RebuildGroups of a run: each reads the tickets and rows of its group. Half of them are for the
	// concerts of maxSoon and half for the others, so that groups that can never be loaded do not keep a run from the rest.
	maxRebuilds = 200
)

// loadBeforeSale is how long before the on-sale a concert is first looked at; until soonAfterSale after the on-sale it comes
// first; until watchAfterSale after the end of the sale it is looked at, for its last holds.
const (
	loadBeforeSale = 10 * time.Minute
	soonAfterSale  = 10 * time.Minute
	watchAfterSale = time.Hour
)

// parallelLayouts is how many layouts are read at the same time.
const parallelLayouts = 8

// chosen are the groups that a run looks at.
type chosen struct {
	// soon are of sales that begin soon or have just begun, the soonest first; rest are of the others, in the order of rotation.
	soon, rest []*group
	// left are concerts of which not all groups are among them. frozen are layouts that were marked.
	left, frozen int
	// earlier are layouts from before the one that is sold.
	earlier []earlier
}

// all are the groups, those of soon first.
func (c chosen) all() []*group { return slices.Concat(c.soon, c.rest) }

// choose chooses the groups of the run, among those of every concert whose sale is near, open or just over and whose layout is
// frozen. It reads the layouts of those concerts alone that it chooses. A concert that cannot be read, or whose layout cannot,
// is passed over.
func (r *Reconciler) choose(ctx context.Context, s share, now contracts.Instant, run int64) (c chosen, err error) {
	var p problems
	concerts, err := r.Catalogue.Concerts(ctx)
	p.add(err)
	concerts = slices.Clone(concerts)
	read := err == nil
	c.frozen, err = r.freeze(ctx, s, concerts, now)
	p.add(err)
	// Not by a part of the concerts: the one that most are waiting for may be missing.
	if read {
		p.add(r.tellFirst(ctx, concerts, now))
	}
	c.earlier = earlierLayouts(concerts, now, run)
	var soon, rest []span
	for _, concert := range concerts {
		switch {
		case !lookedAfter(concert, now):
		case now < concert.OnSaleAt.Add(soonAfterSale):
			soon = append(soon, span{concert, 0, 1})
		default:
			rest = append(rest, span{concert, 0, 1})
		}
	}
	slices.SortFunc(soon, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.OnSaleAt, b.OnSaleAt), cmp.Compare(a.ConcertID, b.ConcertID))
	})
	taken := map[contracts.SeatGroup]bool{}
	soon, c.soon, err = r.take(ctx, s, soon, maxSoon, taken)
	p.add(err)
	// What is soon and is not among the chosen is in the rotation, too.
	rest = append(rest, soon...)
	slices.SortFunc(rest, func(a, b span) int { return cmp.Compare(a.ConcertID, b.ConcertID) })
	rest, c.rest, err = r.take(ctx, s, inTurn(rest, run), maxGroups-len(c.soon), taken)
	p.add(err)
	left := map[string]bool{}
	for _, sp := range rest {
		left[sp.ConcertID] = true
	}
	c.left = len(left)
	return c, p.err()
}

func lookedAfter(c readmodel.Concert, now contracts.Instant) bool {
	return c.LayoutFrozen == c.LayoutVersion && now >= c.OnSaleAt.Add(-loadBeforeSale) && now < c.OffSaleAt.Add(watchAfterSale)
}

// span is a part of a concert's layout, as fractions of its groups: how many there are is only known when it is read.
type span struct {
	readmodel.Concert
	from, to float64
}

// of are the groups of the span.
func (sp span) of(layout []readmodel.LayoutGroup) (from, to int) {
	return int(sp.from * float64(len(layout))), int(sp.to * float64(len(layout)))
}

// inTurn is the list from where the run begins, which may be within a concert, to the same place.
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

// take reads layouts, in the order of the spans, until it has limit groups that were not taken before. left are the spans, or
// parts of them, that it did not take.
func (r *Reconciler) take(ctx context.Context, s share, spans []span, limit int, taken map[contracts.SeatGroup]bool) (left []span, groups []*group, err error) {
	var p problems
	begun := false
	for chunk := range slices.Chunk(spans, parallelLayouts) {
		if len(groups) >= limit || begun && s.over() {
			left = append(left, chunk...)
			continue
		}
		layouts, err := r.layouts(ctx, chunk)
		begun = true
		p.add(err)
		for i, sp := range chunk {
			at, to := sp.of(layouts[i])
			for ; at < to && len(groups) < limit; at++ {
				g := contracts.SeatGroup{ConcertID: sp.ConcertID, Group: layouts[i][at].Group}
				if !taken[g] {
					taken[g] = true
					groups = append(groups, &group{GroupVersion: seatstate.In(g, sp.LayoutVersion), layout: layouts[i][at]})
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

// layouts reads the layouts of some concerts concurrently. One that cannot be read has no groups.
func (r *Reconciler) layouts(ctx context.Context, spans []span) ([][]readmodel.LayoutGroup, error) {
	layouts := make([][]readmodel.LayoutGroup, len(spans))
	var mu sync.Mutex
	indexes := make([]int, len(spans))
	for i := range indexes {
		indexes[i] = i
	}
	_, err := each(share{}, parallelLayouts, indexes, func(i int) error {
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

// commandOf names a run's commands. The number of the run makes each of them a new one, which deduplication does not
// swallow.
func commandOf(run int64) string { return "r" + strconv.FormatInt(run, 10) }

var errMaps = errors.New("not every group that was asked for was shown")
