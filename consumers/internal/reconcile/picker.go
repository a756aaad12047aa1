package reconcile

import (
	"cmp"
	"container/heap"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// maxFresh and maxOld bound how many due orders a run reads. Each costs some milliseconds; in a healthy pipeline there are few.
//
// For an order that is due for less than freshFor this run may be the last one that checks its payment before its hold ends. If
// there are too many of them, the picker takes the earliest due. The others do not wait for long: after freshFor an order has ended
// or counts as old. If there are too many old ones, half of those taken are the longest due and half are taken by rotation: an
// order whose step can never be done stays due for ever and must not keep a run from the others.
const (
	maxFresh = 10_000
	maxOld   = 10_000
)

// freshFor is the time from the first CheckPayment before the end of a hold to the last one after it.
const freshFor = 90 * time.Second

// picker chooses which of the due orders a run handles, in bounded memory. It is safe for concurrent use.
type picker struct {
	freshFrom contracts.Instant
	turn      uint32

	mu                      sync.Mutex
	seen                    int
	fresh, oldest, rotation lowest
}

func newPicker(now contracts.Instant, run int64) *picker {
	return &picker{
		freshFrom: now.Add(-freshFor), turn: turnOf(run),
		fresh: lowest{limit: maxFresh}, oldest: lowest{limit: maxOld}, rotation: lowest{limit: maxOld},
	}
}

func (p *picker) add(found []order.Due) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen += len(found)
	for _, d := range found {
		if d.DueAt >= p.freshFrom {
			p.fresh.offer(uint64(d.DueAt), d) //nolint:gosec // G115: not before 1970
			continue
		}
		p.oldest.offer(uint64(max(d.DueAt, 0)), d)
		p.rotation.offer(uint64(placeOf(d.OrderID)-p.turn), d)
	}
}

// placeOf returns the place of an order on the circle of turnOf. All places are equally likely, and an order always has the same.
func placeOf(id contracts.OrderID) uint32 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	sum := h.Sum64()
	// Hashes of ids that differ only in their last letters differ only in the lower half.
	sum ^= sum >> 32
	return uint32(sum * 0x9e3779b97f4a7c15 >> 32)
}

// picked returns the orders that the run handles: the fresh ones, the earliest due first, and the old ones, of which the longest
// due alternate with those of the rotation. left counts the others. Each order is in them once, also if it moved in the index
// during the scan and was found twice. picked is called once, after the last add.
func (p *picker) picked() (fresh, old []order.Due, left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := map[contracts.OrderID]bool{}
	once := func(all []order.Due) []order.Due {
		return slices.DeleteFunc(all, func(d order.Due) bool {
			repeated := taken[d.OrderID]
			taken[d.OrderID] = true
			return repeated
		})
	}
	fresh = once(p.fresh.all())
	old = once(interleaved(p.oldest.all(), p.rotation.all()))
	old = old[:min(len(old), maxOld)]
	return fresh, old, max(p.seen-len(fresh)-len(old), 0)
}

// lowest keeps the orders with the lowest ranks, at most limit. It is a heap whose first item has the highest rank.
type lowest struct {
	limit int
	items []ranked
}

type ranked struct {
	rank uint64
	due  order.Due
}

func (l *lowest) offer(rank uint64, d order.Due) {
	switch {
	case len(l.items) < l.limit:
		heap.Push(l, ranked{rank, d})
	case rank < l.items[0].rank:
		l.items[0] = ranked{rank, d}
		heap.Fix(l, 0)
	}
}

// all returns the orders sorted by rank. It sorts the heap, so offer must not be called afterwards.
func (l *lowest) all() []order.Due {
	slices.SortFunc(l.items, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.due.OrderID, b.due.OrderID))
	})
	out := make([]order.Due, len(l.items))
	for i, item := range l.items {
		out[i] = item.due
	}
	return out
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (l *lowest) Len() int           { return len(l.items) }
func (l *lowest) Less(i, j int) bool { return l.items[i].rank > l.items[j].rank }
func (l *lowest) Swap(i, j int)      { l.items[i], l.items[j] = l.items[j], l.items[i] }
func (l *lowest) Push(x any)         { l.items = append(l.items, x.(ranked)) }
func (l *lowest) Pop() any {
	last := l.items[len(l.items)-1]
	l.items = l.items[:len(l.items)-1]
	return last
}
