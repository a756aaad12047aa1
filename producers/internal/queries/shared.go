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

// answers keeps the encoded snapshots of the last second. It is safe for concurrent use.
type answers struct {
	mu   sync.Mutex
	kept map[layoutitem.Ref]answer
	// reads are those that have not ended.
	reads map[layoutitem.Ref]*reading
}

func newAnswers() *answers {
	return &answers{kept: map[layoutitem.Ref]answer{}, reads: map[layoutitem.Ref]*reading{}}
}

// answer is an encoded snapshot. at is when its read began.
type answer struct {
	body, tag string
	at        time.Time
}

func (a answer) fresh(now time.Time) bool { return now.Sub(a.at) < answerKept }

// reading is a read that one request makes and others wait for. made, err and abandoned may be read after done is closed.
type reading struct {
	done chan struct{}
	made answer
	err  error
	// abandoned says that the request that read was ended by its client or its deadline, which says nothing about Redis.
	abandoned bool
}

// errNotRead is what others get if a read panics.
var errNotRead = errors.New("the read did not return")

// get returns a snapshot of the last second, or what read returns. While one request reads, others wait for its result, also for
// its error: a thousand requests make one read. If the client of the request that reads goes away, one of those that wait reads.
// get returns ctx's error if ctx ends while it waits.
func (a *answers) get(ctx context.Context, of layoutitem.Ref, now func() time.Time, read func(now time.Time) (answer, error)) (answer, error) {
	for {
		known, mine, other := a.find(of, now())
		switch {
		case mine != nil:
			return a.read(ctx, of, mine, func() (answer, error) { return read(now()) })
		case other == nil:
			return known, nil
		}
		select {
		case <-other.done:
			if !other.abandoned {
				return other.made, other.err
			}
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
	}
}

// find returns a fresh answer, or a reading that the caller has to make, or one that another request makes.
func (a *answers) find(of layoutitem.Ref, now time.Time) (known answer, mine, other *reading) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, found := a.kept[of]; found && known.fresh(now) {
		return known, nil, nil
	}
	if r := a.reads[of]; r != nil {
		return answer{}, nil, r
	}
	r := &reading{done: make(chan struct{}), err: errNotRead}
	a.reads[of] = r
	return answer{}, r, nil
}

func (a *answers) read(ctx context.Context, of layoutitem.Ref, r *reading, read func() (answer, error)) (answer, error) {
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.reads, of)
		if r.err == nil {
			// Old answers are deleted, so that there are never more than were asked for in a second.
			maps.DeleteFunc(a.kept, func(_ layoutitem.Ref, old answer) bool { return !old.fresh(r.made.at) })
			a.kept[of] = r.made
		}
		close(r.done)
	}()
	r.made, r.err = read()
	r.abandoned = r.err != nil && ctx.Err() != nil
	return r.made, r.err
}
