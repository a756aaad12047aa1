package layoutitem

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Source reads stored items. It must be safe for concurrent use.
type Source interface {
	// LayoutItem reads the body of an item; found is false if the item does not exist. A read that is not consistent costs half
	// and can miss an item that was written in the last seconds.
	LayoutItem(ctx context.Context, key string, consistent bool) (body []byte, found bool, err error)
}

// Fresh is how long Memory keeps a layout that is not frozen. It keeps a frozen layout without a limit of time.
const Fresh = 10 * time.Second

// Memory is a cache of the decoded items of one use. It is bounded in bytes and evicts the least recently used value first. It
// is safe for concurrent use. Two callers may read the same item at the same time; both get a correct value.
type Memory[T any] struct {
	use    Use
	source Source
	// decode decodes a body and estimates how many bytes of memory the value takes.
	decode   func(of Ref, body []byte) (value T, bytes int, err error)
	maxBytes int
	now      func() time.Time

	mu    sync.Mutex
	at    map[string]*list.Element
	order *list.List // of *entry[T], the most recently used first
	bytes int
}

type entry[T any] struct {
	key    string
	value  T
	bytes  int
	frozen bool
	readAt time.Time
}

// NewMemory returns a Memory that keeps at most maxBytes. decode decodes a body and estimates the bytes of the value.
func NewMemory[T any](use Use, source Source, maxBytes int, now func() time.Time, decode func(of Ref, body []byte) (value T, bytes int, err error)) *Memory[T] {
	return &Memory[T]{use: use, source: source, decode: decode, maxBytes: maxBytes, now: now, at: map[string]*list.Element{}, order: list.New()}
}

// Get returns a layout version. found is false if its item does not exist; that result is not cached. frozen means that this
// version, or a later one, is sold: such a layout is read once, any other is read again after Fresh. If that second read fails,
// Get returns the cached value, since an item never changes.
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

// Preload reads the layouts that the item FirstKey names, so that no request waits for them. Its error joins those of all
// reads; a layout that could not be read is read again by Get.
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
		// A read that has no time left would only count as a failure in the breaker that the first request needs.
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

// read tries the cheap read first. An item never changes, so a body that it finds is correct. Only a consistent read can say
// that there is no item.
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
	// A value that is over the bound alone would evict all others.
	if read.bytes > m.maxBytes {
		return
	}
	m.at[read.key] = m.order.PushFront(&read)
	m.bytes += read.bytes
	for m.bytes > m.maxBytes {
		m.forget(m.order.Back())
	}
}

// forget must be called under the lock.
func (m *Memory[T]) forget(at *list.Element) {
	e := m.order.Remove(at).(*entry[T])
	delete(m.at, e.key)
	m.bytes -= e.bytes
}
