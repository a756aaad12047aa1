package boot

import (
	"cmp"
	"slices"
	"sync"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Breakers knows which breakers of the process are open or half open. Shards of Redis have a breaker each under one name; the
// name is open while any of them is. A nil Breakers knows none. It is safe for concurrent use.
type Breakers struct {
	mu   sync.Mutex
	open map[string]openBreaker
}

// openBreaker is how many breakers of a name are open, and since when.
type openBreaker struct {
	count int
	since contracts.Instant
}

// changed notes the new state of a breaker. A breaker goes from closed to open, then half open, and from there either way.
func (b *Breakers) changed(name, from, to string, now contracts.Instant) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.open[name]
	switch {
	case from == stateClosed && to != stateClosed:
		if o.count++; o.count == 1 {
			o.since = now
		}
	case from != stateClosed && to == stateClosed:
		o.count--
	}
	if o.count <= 0 {
		delete(b.open, name)
		return
	}
	if b.open == nil {
		b.open = map[string]openBreaker{}
	}
	b.open[name] = o
}

// stateClosed is gobreaker's name of the state in which calls are made.
const stateClosed = "closed"

// Open returns the names that are open, in their order.
func (b *Breakers) Open() (open []readmodel.OpenBreaker) {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, o := range b.open {
		open = append(open, readmodel.OpenBreaker{Name: name, Since: o.since})
	}
	slices.SortFunc(open, func(a, b readmodel.OpenBreaker) int { return cmp.Compare(a.Name, b.Name) })
	return open
}
