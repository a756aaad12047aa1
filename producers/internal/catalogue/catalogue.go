// Package catalogue answers concerts and layouts from the memory of the process: a layout version never changes and is
// kept for good, concerts are read again after some seconds.
package catalogue

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/admission"
)

// Source is where concerts and layouts are stored.
type Source interface {
	Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error)
	Concerts(ctx context.Context) ([]readmodel.Concert, error)
	// Layout answers no groups for a layout that is not there.
	Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error)
}

// Kept is how old a concert or the list of them may be. The state of a sale is worked out at each request, so the
// opening is not late by this.
const Kept = 10 * time.Second

// Catalogue is safe for concurrent use. Two requests may read the same at once; both answers are right.
type Catalogue struct {
	source Source
	now    func() time.Time

	mu       sync.Mutex
	concerts map[string]kept[readmodel.Concert]
	list     kept[[]readmodel.Concert]
	layouts  map[string]*admission.Seating
}

type kept[T any] struct {
	value T
	at    time.Time
}

// New makes a Catalogue with an empty memory.
func New(source Source, now func() time.Time) *Catalogue {
	return &Catalogue{source: source, now: now, concerts: map[string]kept[readmodel.Concert]{}, layouts: map[string]*admission.Seating{}}
}

// Concert answers a concert, at most Kept old. That there is none is not kept. An id that no concert can have is not
// asked for: the store would refuse an empty one as a mistake of ours.
func (c *Catalogue) Concert(ctx context.Context, concertID string) (readmodel.Concert, bool, error) {
	if !contracts.ValidConcertID(concertID) {
		return readmodel.Concert{}, false, nil
	}
	now := c.now()
	c.mu.Lock()
	known, ok := c.concerts[concertID]
	c.mu.Unlock()
	if ok && now.Sub(known.at) < Kept {
		return known.value, true, nil
	}
	concert, found, err := c.source.Concert(ctx, concertID)
	if err != nil || !found {
		return readmodel.Concert{}, false, err
	}
	c.mu.Lock()
	c.concerts[concertID] = kept[readmodel.Concert]{value: concert, at: now}
	c.mu.Unlock()
	return concert, true, nil
}

// Concerts answers all concerts by start and id, at most Kept old. The caller must not change the slice.
func (c *Catalogue) Concerts(ctx context.Context) ([]readmodel.Concert, error) {
	now := c.now()
	c.mu.Lock()
	known := c.list
	c.mu.Unlock()
	if !known.at.IsZero() && now.Sub(known.at) < Kept {
		return known.value, nil
	}
	concerts, err := c.source.Concerts(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(concerts, func(a, b readmodel.Concert) int {
		return cmp.Or(cmp.Compare(a.StartsAt, b.StartsAt), cmp.Compare(a.ConcertID, b.ConcertID))
	})
	c.mu.Lock()
	c.list = kept[[]readmodel.Concert]{value: concerts, at: now}
	c.mu.Unlock()
	return concerts, nil
}

// Seating answers a layout version. found is false if it is not there; that is not kept. frozen says that the version
// can change no more, so that the answer may be.
func (c *Catalogue) Seating(ctx context.Context, concertID string, version int, frozen bool) (seating *admission.Seating, found bool, err error) {
	key := readmodel.LayoutKey(concertID, version)
	c.mu.Lock()
	seating, ok := c.layouts[key]
	c.mu.Unlock()
	if ok {
		return seating, true, nil
	}
	groups, err := c.source.Layout(ctx, concertID, version)
	if err != nil || len(groups) == 0 {
		return nil, false, err
	}
	slices.SortFunc(groups, func(a, b readmodel.LayoutGroup) int { return cmp.Compare(a.Order, b.Order) })
	seating = admission.NewSeating(groups)
	if frozen {
		c.mu.Lock()
		c.layouts[key] = seating
		c.mu.Unlock()
	}
	return seating, true, nil
}
