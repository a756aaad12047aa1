// Package catalogue keeps concerts, and the seats of layouts, in the memory of the process. A layout version never changes;
// concerts are read again after some seconds.
package catalogue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/browse"
)

// Source is the store of concerts and layouts. Its methods block until they have an answer or ctx ends, and are safe for
// concurrent use. An error means that the answer is not known; found is false if there is no such item. The order of Concerts is
// not defined.
type Source interface {
	Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error)
	Concerts(ctx context.Context) ([]readmodel.Concert, error)
	layoutitem.Source
}

// Kept bounds the age of a concert or of the list of concerts. The state of a sale is computed at each request, so this does not
// delay an opening.
const Kept = 10 * time.Second

// KeptBeforeMark bounds the age of a concert whose sale has opened and whose layout is not marked as frozen yet. The mark may be
// set at any moment, and until then every order is refused.
const KeptBeforeMark = time.Second

// keptFor returns the bound of a concert's age at an instant.
func keptFor(c readmodel.Concert, now time.Time) time.Duration {
	if c.AwaitsMark(contracts.InstantOf(now)) {
		return KeptBeforeMark
	}
	return Kept
}

// KeptWithoutSource bounds the age of a concert while it cannot be read. Orders are accepted all that time; the consumers read
// the concert themselves before they decide.
const KeptWithoutSource = 15 * time.Minute

// seatBytes bounds the memory of the layouts that orders are checked against: an eighth of the function's memory. An arena of
// 23,000 seats takes 2 MB.
const seatBytes = 32 << 20

// Catalogue is safe for concurrent use. Two requests may read the same item at once; both answers are right.
type Catalogue struct {
	source Source
	log    *slog.Logger
	now    func() time.Time
	seats  *layoutitem.Memory[*admission.Seating]

	mu       sync.Mutex
	concerts map[string]kept[readmodel.Concert]
	list     kept[*browse.Index]
}

type kept[T any] struct {
	value T
	at    time.Time
}

// New makes an empty Catalogue.
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

// Concert returns a concert, at most Kept old, or KeptWithoutSource while it cannot be read. A missing concert is not kept. An id
// that no concert can have is not read: the store would refuse an empty one as a mistake of ours.
func (c *Catalogue) Concert(ctx context.Context, concertID string) (readmodel.Concert, bool, error) {
	concert, _, found, err := c.ConcertAt(ctx, concertID)
	return concert, found, err
}

// ConcertAt is Concert that also returns when the concert was read.
func (c *Catalogue) ConcertAt(ctx context.Context, concertID string) (concert readmodel.Concert, at time.Time, found bool, err error) {
	if !contracts.ValidConcertID(concertID) {
		return readmodel.Concert{}, time.Time{}, false, nil
	}
	now := c.now()
	c.mu.Lock()
	known, ok := c.concerts[concertID]
	c.mu.Unlock()
	if ok && now.Sub(known.at) < keptFor(known.value, now) {
		return known.value, known.at, true, nil
	}
	concert, found, err = c.source.Concert(ctx, concertID)
	if err != nil && ok && now.Sub(known.at) < KeptWithoutSource {
		c.old(ctx, known.at, err)
		return known.value, known.at, true, nil
	}
	if err != nil || !found {
		return readmodel.Concert{}, time.Time{}, false, err
	}
	c.mu.Lock()
	c.concerts[concertID] = kept[readmodel.Concert]{value: concert, at: now}
	c.mu.Unlock()
	return concert, now, true, nil
}

// Concerts returns all concerts, at most Kept old, or KeptWithoutSource while they cannot be read, and when they were read.
func (c *Catalogue) Concerts(ctx context.Context) (index *browse.Index, at time.Time, err error) {
	now := c.now()
	c.mu.Lock()
	known := c.list
	c.mu.Unlock()
	if !known.at.IsZero() && now.Sub(known.at) < Kept {
		return known.value, known.at, nil
	}
	concerts, err := c.source.Concerts(ctx)
	if err != nil && !known.at.IsZero() && now.Sub(known.at) < KeptWithoutSource {
		c.old(ctx, known.at, err)
		return known.value, known.at, nil
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	index = browse.NewIndex(concerts)
	c.mu.Lock()
	c.list = kept[*browse.Index]{value: index, at: now}
	c.mu.Unlock()
	return index, now, nil
}

// old logs that an answer is older than it should be, and why.
func (c *Catalogue) old(ctx context.Context, at time.Time, err error) {
	c.log.WarnContext(ctx, "catalogue not read, the last one is used", telemetry.KeyDuration, telemetry.Milliseconds(c.now().Sub(at)),
		telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

// Seating returns the seats of a layout version. found is false if there is no such version; that is not kept. frozen says that
// the version never changes any more, because it is sold or a later version is; a frozen version is read once.
func (c *Catalogue) Seating(ctx context.Context, concertID string, version int, frozen bool) (seating *admission.Seating, found bool, err error) {
	return c.seats.Get(ctx, concertID, version, frozen)
}

// Preload reads the layouts of the sales that buyers most likely ask for.
func (c *Catalogue) Preload(ctx context.Context) error { return c.seats.Preload(ctx) }
