package layoutitem

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Source is where items are stored.
type Source interface {
	// LayoutItem reads the body of an item; found is false if there is none. A read that is not consistent costs half and may
	// miss an item that was written within the last seconds.
	LayoutItem(ctx context.Context, key string, consistent bool) (body []byte, found bool, err error)
}

// Fresh is how old a layout may be that is not frozen yet. A frozen one has no age.
const Fresh = 10 * time.Second

// Memory keeps what a process made of the items of one use, up to a number of bytes: what was not asked for longest is
// forgotten first. It is safe for concurrent use; two callers may read the same item at once, and both answers are right.
type Memory[T any] struct {
	use    Use
	source Source
	// decode makes the value of a body, and says about how many bytes of memory it takes.
	decode   func(of Ref, body []byte) (value T, bytes int, err error)
	maxBytes int
	now      func() time.Time

	mu    sync.Mutex
	at    map[string]*list.Element
	order *list.List // of *entry[T], the latest asked for first
	bytes int
}

type entry[T any] struct {
	key    string
	value  T
	bytes  int
	frozen bool
	readAt time.Time
}

// NewMemory makes a Memory that keeps at most maxBytes.
func NewMemory[T any](use Use, source Source, maxBytes int, now func() time.Time, decode func(of Ref, body []byte) (value T, bytes int, err error)) *Memory[T] {
	return &Memory[T]{use: use, source: source, decode: decode, maxBytes: maxBytes, now: now, at: map[string]*list.Element{}, order: list.New()}
}

// Get answers a layout version; found is false if there is no such item, which is not kept. frozen says that the version is
// sold or was passed over by one that is: such a layout is read once, and any other again after Fresh. If that fails, the
// answer is the one from before: an item never changes, so that an old one is still better than none.
func (m *Memory[T]) Get(ctx context.Context, concertID string, version int, frozen bool) (value T, found bool, err error) {
	key := Key(concertID, version, m.use)
	now := m.now()
	known, kept := m.recall(key)
	if kept && (known.frozen || !frozen && now.Sub(known.readAt) < Fresh) {
		return known.value, true, nil
	}
	read := entry[T]{key: key, frozen: frozen, readAt: now}
	if read.value, read.bytes, found, err = m.read(ctx, Ref{ConcertID: concertID, Version: version}, key); err != nil {
		if kept {
			return known.value, true, nil
		}
		return value, false, err
	}
	if found {
		m.keep(read)
	}
	return read.value, found, nil
}

// Preload reads the layouts that the item FirstKey names, so that no request waits for them. What fails is reported, and is
// read when it is asked for.
func (m *Memory[T]) Preload(ctx context.Context) error {
	body, found, err := m.source.LayoutItem(ctx, FirstKey, false)
	if err != nil || !found {
		return err
	}
	refs, err := DecodeFirst(body)
	if err != nil {
		return err
	}
	var problems []error
	for _, ref := range refs {
		// Reads that are out of time before they begin would only open the breaker that the first request needs.
		if ctx.Err() != nil {
			problems = append(problems, context.Cause(ctx))
			break
		}
		if _, _, err := m.Get(ctx, ref.ConcertID, ref.Version, true); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// read asks for the item by the cheap read first. An item that is there never changes, so that whatever it answers is right;
// that there is none is believed only of a consistent read.
func (m *Memory[T]) read(ctx context.Context, of Ref, key string) (value T, bytes int, found bool, err error) {
	body, found, err := m.source.LayoutItem(ctx, key, false)
	if err == nil && !found {
		body, found, err = m.source.LayoutItem(ctx, key, true)
	}
	if err != nil || !found {
		return value, 0, false, err
	}
	if value, bytes, err = m.decode(of, body); err != nil {
		return value, 0, false, fmt.Errorf("layout item %s: %w", key, err)
	}
	return value, bytes, true, nil
}

func (m *Memory[T]) recall(key string) (known entry[T], kept bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, kept := m.at[key]
	if !kept {
		return entry[T]{}, false
	}
	m.order.MoveToFront(at)
	return *at.Value.(*entry[T]), true
}

func (m *Memory[T]) keep(read entry[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, twice := m.at[read.key]; twice {
		m.forget(at)
	}
	// One that takes more than all may is not worth forgetting all others.
	if read.bytes > m.maxBytes {
		return
	}
	m.at[read.key] = m.order.PushFront(&read)
	m.bytes += read.bytes
	for m.bytes > m.maxBytes {
		m.forget(m.order.Back())
	}
}

// forget is called under the lock.
func (m *Memory[T]) forget(at *list.Element) {
	e := m.order.Remove(at).(*entry[T])
	delete(m.at, e.key)
	m.bytes -= e.bytes
}
