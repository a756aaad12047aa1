package queries

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"boxoffice/contracts/layoutitem"
)

// answerKept bounds the age of a snapshot of seats: as long as an edge may keep it.
const answerKept = time.Second

// shared keeps what was read of layouts' seats in the last second, and lets one request read for all that ask at once. It is safe
// for concurrent use.
type shared[V any] struct {
	mu   sync.Mutex
	kept map[layoutitem.Ref]snapshot[V]
	// reads are those that have not ended.
	reads map[layoutitem.Ref]*reading[V]
}

func newShared[V any]() *shared[V] {
	return &shared[V]{kept: map[layoutitem.Ref]snapshot[V]{}, reads: map[layoutitem.Ref]*reading[V]{}}
}

// snapshot is a value with the instant at which its read began.
type snapshot[V any] struct {
	value V
	at    time.Time
}

func (s snapshot[V]) fresh(now time.Time) bool { return now.Sub(s.at) < answerKept }

// reading is a read that one request makes and others wait for. made, err and abandoned may be read after done is closed.
type reading[V any] struct {
	done chan struct{}
	made V
	err  error
	// abandoned says that the request that read was ended by its client or its deadline, which says nothing about Redis.
	abandoned bool
}

// errNotRead is what others get if a read panics.
var errNotRead = errors.New("the read did not return")

// get returns a snapshot of the last second, or what read returns. While one request reads, others wait for its result, also for
// its error: a thousand requests make one read. If the client of the request that reads goes away, one of those that wait reads.
// get returns ctx's error if ctx ends while it waits.
func (a *shared[V]) get(ctx context.Context, of layoutitem.Ref, now func() time.Time, read func(now time.Time) (V, error)) (V, error) {
	for {
		known, mine, other := a.find(of, now())
		switch {
		case mine != nil:
			return a.read(ctx, of, mine, now(), read)
		case other == nil:
			return known, nil
		}
		select {
		case <-other.done:
			if !other.abandoned {
				return other.made, other.err
			}
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
	}
}

// find returns a fresh value, or a reading that the caller has to make, or one that another request makes.
func (a *shared[V]) find(of layoutitem.Ref, now time.Time) (known V, mine, other *reading[V]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if kept, found := a.kept[of]; found && kept.fresh(now) {
		return kept.value, nil, nil
	}
	if r := a.reads[of]; r != nil {
		return known, nil, r
	}
	r := &reading[V]{done: make(chan struct{}), err: errNotRead}
	a.reads[of] = r
	return known, r, nil
}

func (a *shared[V]) read(ctx context.Context, of layoutitem.Ref, r *reading[V], at time.Time, read func(now time.Time) (V, error)) (V, error) {
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.reads, of)
		if r.err == nil {
			// Old values are deleted, so that there are never more than were asked for in a second.
			maps.DeleteFunc(a.kept, func(_ layoutitem.Ref, old snapshot[V]) bool { return !old.fresh(at) })
			a.kept[of] = snapshot[V]{r.made, at}
		}
		close(r.done)
	}()
	r.made, r.err = read(at)
	r.abandoned = r.err != nil && ctx.Err() != nil
	return r.made, r.err
}
