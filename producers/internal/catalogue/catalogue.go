// Package catalogue answers concerts, and the seats of layouts, from the memory of the process: a layout version never changes,
// concerts are read again after some seconds.
package catalogue

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/admission"
)

// Source is where concerts and layouts are stored.
type Source interface {
	Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error)
	Concerts(ctx context.Context) ([]readmodel.Concert, error)
	layoutitem.Source
}

// Kept is how old a concert or the list of them may be. The state of a sale is worked out at each request, so the
// opening is not late by this.
const Kept = 10 * time.Second

// KeptBeforeMark is how old a concert may be whose sale has opened and whose layout has no mark yet: it is set at any moment, and
// until then every order is refused.
const KeptBeforeMark = time.Second

// keptFor is how old a concert may be at an instant.
func keptFor(c readmodel.Concert, now time.Time) time.Duration {
	if c.AwaitsMark(contracts.InstantOf(now)) {
		return KeptBeforeMark
	}
	return Kept
}

// KeptWithoutSource is how old a concert may be while it cannot be read. Orders are taken all that time; what they are decided
// by is read by who decides.
const KeptWithoutSource = 15 * time.Minute

// seatBytes is how much memory the layouts may take that orders are checked against: an eighth of the function's. An arena of
// 23,000 seats takes 2 MB.
const seatBytes = 32 << 20

// Catalogue is safe for concurrent use. Two requests may read the same at once; both answers are right.
type Catalogue struct {
	source Source
	log    *slog.Logger
	now    func() time.Time
	seats  *layoutitem.Memory[*admission.Seating]

	mu       sync.Mutex
	concerts map[string]kept[readmodel.Concert]
	list     kept[[]readmodel.Concert]
}

type kept[T any] struct {
	value T
	at    time.Time
}

// New makes a Catalogue with an empty memory.
func New(source Source, log *slog.Logger, now func() time.Time) *Catalogue {
	return &Catalogue{
		source: source, log: log, now: now, concerts: map[string]kept[readmodel.Concert]{},
		seats: layoutitem.NewMemory(layoutitem.UseSeats, source, seatBytes, now, func(_ layoutitem.Ref, body []byte) (*admission.Seating, int, error) {
			groups, err := layoutitem.DecodeSeats(body)
			if err != nil {
				return nil, 0, err
			}
			seating := admission.NewSeating(groups)
			return seating, layoutitem.SizeOf(groups) + seating.IndexSize(), nil
		}),
	}
}

// Concert answers a concert, at most Kept old, or KeptWithoutSource while it cannot be read. That there is none is not kept. An id that no concert can have is not
// asked for: the store would refuse an empty one as a mistake of ours.
func (c *Catalogue) Concert(ctx context.Context, concertID string) (readmodel.Concert, bool, error) {
	if !contracts.ValidConcertID(concertID) {
		return readmodel.Concert{}, false, nil
	}
	now := c.now()
	c.mu.Lock()
	known, ok := c.concerts[concertID]
	c.mu.Unlock()
	if ok && now.Sub(known.at) < keptFor(known.value, now) {
		return known.value, true, nil
	}
	concert, found, err := c.source.Concert(ctx, concertID)
	if err != nil && ok && now.Sub(known.at) < KeptWithoutSource {
		c.old(ctx, known.at, err)
		return known.value, true, nil
	}
	if err != nil || !found {
		return readmodel.Concert{}, false, err
	}
	c.mu.Lock()
	c.concerts[concertID] = kept[readmodel.Concert]{value: concert, at: now}
	c.mu.Unlock()
	return concert, true, nil
}

// Concerts answers all concerts by start and id, at most Kept old, or KeptWithoutSource while they cannot be read. The caller must not change the slice.
func (c *Catalogue) Concerts(ctx context.Context) ([]readmodel.Concert, error) {
	now := c.now()
	c.mu.Lock()
	known := c.list
	c.mu.Unlock()
	if !known.at.IsZero() && now.Sub(known.at) < Kept {
		return known.value, nil
	}
	concerts, err := c.source.Concerts(ctx)
	if err != nil && !known.at.IsZero() && now.Sub(known.at) < KeptWithoutSource {
		c.old(ctx, known.at, err)
		return known.value, nil
	}
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

// old tells that an answer is older than it should be, and why.
func (c *Catalogue) old(ctx context.Context, at time.Time, err error) {
	c.log.WarnContext(ctx, "catalogue not read, the last one is used", telemetry.KeyDuration, telemetry.Milliseconds(c.now().Sub(at)),
		telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

// Seating answers the seats of a layout version. found is false if it is not there; that is not kept. frozen says that the
// version is sold or was passed over by one that is, so that it is read once.
func (c *Catalogue) Seating(ctx context.Context, concertID string, version int, frozen bool) (seating *admission.Seating, found bool, err error) {
	return c.seats.Get(ctx, concertID, version, frozen)
}

// Preload reads the layouts of the sales that buyers most likely ask for.
func (c *Catalogue) Preload(ctx context.Context) error { return c.seats.Preload(ctx) }
