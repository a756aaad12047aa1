package reconcile

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// The index of open orders is read in segments, several at a time. Its size follows from the orders that are open, and not
// from those that have ended or from what is on sale. A page has some 7,500 orders; with a million open orders a segment has
// nine pages.
const (
	dueSegments = 16
	parallelDue = 8
)

// scanned is where the scan of each unfinished segment goes on, and when each segment was finished last. It is the memory of
// the process: a new process begins each segment anew, which costs time and loses nothing.
type scanned struct {
	mu    sync.Mutex
	from  [dueSegments]string
	ended [dueSegments]int64 // runs
}

// order is the order in which a run reads the segments: first those that were begun and not finished, then those that were
// finished the longest ago, and where that is the same by rotation.
func (s *scanned) order(run int64) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := int(uint64(turnOf(run)) * dueSegments >> 32)
	segments := make([]int, dueSegments)
	for i := range segments {
		segments[i] = (first + i) % dueSegments
	}
	begun := func(segment int) int {
		if s.from[segment] != "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(segments, func(a, b int) int {
		return cmp.Or(cmp.Compare(begun(a), begun(b)), cmp.Compare(s.ended[a], s.ended[b]))
	})
	return segments
}

// take returns where the scan of a segment goes on, and forgets it: if the scan fails there, the next one begins anew.
func (s *scanned) take(segment int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.from[segment]
	s.from[segment] = ""
	return from
}

func (s *scanned) leave(segment int, from string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from[segment] = from
}

func (s *scanned) end(segment int, run int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[segment] = run
}

// scan shows the picker every order whose step was due, whatever its concert. left is how many segments it did not read to
// their end; other runs read those.
func (r *Reconciler) scan(ctx context.Context, s share, now contracts.Instant, run int64, p *picker) (left int, err error) {
	var done atomic.Int64
	_, err = each(s, parallelDue, r.scanned.order(run), func(segment int) error {
		ended, err := r.scanSegment(ctx, s, now, segment, p)
		if ended {
			r.scanned.end(segment, run)
			done.Add(1)
		}
		return err
	})
	return dueSegments - int(done.Load()), err
}

// scanSegment reads a segment page by page, to its last or until the share is over.
func (r *Reconciler) scanSegment(ctx context.Context, s share, now contracts.Instant, segment int, p *picker) (ended bool, err error) {
	scan := order.DueScan{By: now, Segment: segment, Segments: dueSegments, From: r.scanned.take(segment)}
	for {
		page, err := r.Rows.DuePage(ctx, scan)
		if err != nil {
			return false, err
		}
		p.see(page.Due)
		if page.Next == "" {
			return true, nil
		}
		if scan.From = page.Next; s.over() {
			r.scanned.leave(segment, scan.From)
			return false, nil
		}
	}
}
