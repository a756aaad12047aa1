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

// The index of open orders is read in segments, several at a time. Its size depends on how many orders are open, and not on those
// that have ended or on what is on sale. A page has some 7,500 orders; with a million open orders a segment has nine pages.
const (
	dueSegments   = 16
	parallelReads = 8
)

// scanProgress is how far the index of open orders was read. The process remembers it; a new process begins each segment again,
// which costs time and loses nothing.
type scanProgress struct {
	mu sync.Mutex
	// from is where the scan of a segment continues, "" for its beginning.
	from [dueSegments]string
	// ended is the last run that read a segment to its end.
	ended [dueSegments]int64
	// counting has the open orders of the pages of a segment that were read since its beginning, and counted those of its last
	// complete read.
	counting, counted [dueSegments]openCount
}

// openCount is the open orders of a segment by their status, counted from an instant on.
type openCount struct {
	from     contracts.Instant
	byStatus map[contracts.Status]int
}

// add adds a page, which is the first of its segment or follows the one before. A page without a next one ends the segment.
func (s *scanProgress) add(segment int, first bool, page order.DuePage, now contracts.Instant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counting[segment]
	if first {
		*c = openCount{from: now, byStatus: map[contracts.Status]int{}}
	}
	if c.byStatus == nil {
		return // the process does not have the pages before
	}
	for status, n := range page.Open {
		c.byStatus[status] += n
	}
	if page.Next == "" {
		s.counted[segment], *c = *c, openCount{}
	}
}

// open returns the orders of all segments in each status that has a next step, and when the oldest of the counts began. ok is false
// until the process has read every segment to its end, and if a status is missing or not known.
func (s *scanProgress) open() (byStatus map[contracts.Status]int, from contracts.Instant, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byStatus = map[contracts.Status]int{contracts.Held: 0, contracts.AwaitingPayment: 0, contracts.Committed: 0}
	for i, c := range s.counted {
		if c.byStatus == nil {
			return nil, 0, false
		}
		if i == 0 || c.from < from {
			from = c.from
		}
		for status, n := range c.byStatus {
			_, known := byStatus[status]
			switch {
			case known:
				byStatus[status] += n
			case !status.Settled():
				return nil, 0, false // an index without the status, or a status of a later program: no count is right
			}
		}
	}
	return byStatus, from, true
}

// order returns the order in which a run reads the segments: first those that were begun and not finished, then those that were
// finished the longest ago, and among equals by rotation.
func (s *scanProgress) order(run int64) []int {
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

// takePosition returns where the scan of a segment continues, and forgets it: if the scan fails there, the next one begins at the
// beginning.
func (s *scanProgress) takePosition(segment int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.from[segment]
	s.from[segment] = ""
	return from
}

func (s *scanProgress) setPosition(segment int, from string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from[segment] = from
}

func (s *scanProgress) setEnded(segment int, run int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[segment] = run
}

// scan passes every order whose step was due to the picker, whatever its concert. left counts the segments that it did not read to
// their end; later runs do.
func (r *Reconciler) scan(ctx context.Context, budget timeBudget, now contracts.Instant, run int64, p *picker) (left int, err error) {
	var done atomic.Int64
	_, err = forEach(budget, parallelReads, r.scanProgress.order(run), func(segment int) error {
		ended, err := r.scanSegment(ctx, budget, now, segment, p)
		if ended {
			r.scanProgress.setEnded(segment, run)
			done.Add(1)
		}
		return err
	})
	return dueSegments - int(done.Load()), err
}

// scanSegment reads a segment page by page, to its last page or until the budget is spent.
func (r *Reconciler) scanSegment(
	ctx context.Context, budget timeBudget, now contracts.Instant, segment int, p *picker,
) (ended bool, err error) {
	scan := order.DueScan{By: now, Segment: segment, Segments: dueSegments, From: r.scanProgress.takePosition(segment)}
	for {
		page, err := r.Rows.DuePage(ctx, scan)
		if err != nil {
			return false, err
		}
		p.add(page.Due)
		r.scanProgress.add(segment, scan.From == "", page, now)
		if page.Next == "" {
			return true, nil
		}
		if scan.From = page.Next; budget.spent() {
			r.scanProgress.setPosition(segment, scan.From)
			return false, nil
		}
	}
}
