package catalogue

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// SalesSource is the store of the count of free seats. Sales blocks until it has an answer or ctx ends, and is safe for concurrent
// use. found is false as long as nobody has counted.
type SalesSource interface {
	Sales(ctx context.Context) (sales readmodel.Sales, found bool, err error)
}

// MaxSalesAge bounds the age of a count that is shown. It is made once a minute; an older one says more about reconcile than about
// the seats.
const MaxSalesAge = 5 * time.Minute

// Sales keeps the count of free seats for Kept. It is safe for concurrent use.
type Sales struct {
	source SalesSource
	log    *slog.Logger
	now    func() time.Time

	mu sync.Mutex
	// tried is when the count was last read, or could not be.
	tried time.Time
	last  readmodel.Sales
}

// NewSales makes an empty Sales.
func NewSales(source SalesSource, log *slog.Logger, now func() time.Time) *Sales {
	return &Sales{source: source, log: log, now: now}
}

// SeatsLeft returns the counts by concert, none if the last is over MaxSalesAge old. A store that fails is asked once in Kept, and
// never fails the answer that shows the counts.
func (s *Sales) SeatsLeft(ctx context.Context) map[string]readmodel.SeatCount {
	now := s.now()
	s.mu.Lock()
	due := s.tried.IsZero() || now.Sub(s.tried) >= Kept
	if due {
		// Others use the last count meanwhile.
		s.tried = now
	}
	s.mu.Unlock()
	if due {
		s.read(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.last.At.Time()) > MaxSalesAge {
		return nil
	}
	return s.last.Concerts
}

func (s *Sales) read(ctx context.Context) {
	sales, found, err := s.source.Sales(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "free seats not read", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
		return
	}
	if !found {
		return
	}
	// The counts of some concerts may be older than the item: those are not shown either.
	maps.DeleteFunc(sales.Concerts, func(_ string, count readmodel.SeatCount) bool {
		return count.At > 0 && s.now().Sub(count.At.Time()) > MaxSalesAge
	})
	s.mu.Lock()
	s.last = sales
	s.mu.Unlock()
}
