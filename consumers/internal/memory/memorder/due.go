package memorder

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// pageKeys is the number of keys of the index in a page: about the 1 MB of a DynamoDB page.
const pageKeys = 7500

// Key is an order in the index of open orders.
type Key struct {
	Group   string
	DueAt   contracts.Instant
	OrderID contracts.OrderID
	Status  contracts.Status
}

// Index is the index of open orders at one instant, read in pages as from DynamoDB. It is immutable.
type Index struct{ keys []hashed }

// hashed is a key with the hash of its group. DynamoDB divides the index among segments by such a hash.
type hashed struct {
	Hash uint32
	Key
}

func compare(a, b hashed) int {
	return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Group, b.Group), cmp.Compare(a.DueAt, b.DueAt), cmp.Compare(a.OrderID, b.OrderID))
}

// NewIndex makes an Index of keys.
func NewIndex(keys []Key) *Index {
	x := &Index{keys: make([]hashed, len(keys))}
	for i, k := range keys {
		x.keys[i] = hashed{Hash: hash(k.Group), Key: k}
	}
	slices.SortFunc(x.keys, compare)
	return x
}

// hash spreads names evenly over all numbers, also names that are nearly the same.
func hash(group string) uint32 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(group)) // never fails
	sum := h.Sum64()
	sum ^= sum >> 32
	return uint32(sum * 0x9e3779b97f4a7c15 >> 32)
}

// Page returns the page that the scan asks for.
func (x *Index) Page(scan order.DueScan) (page order.DuePage, err error) {
	// first returns the position of the first key of a segment.
	first := func(segment int) int {
		bound := uint64(segment) << 32 / uint64(scan.Segments) //nolint:gosec // G115: neither is negative
		at, _ := slices.BinarySearchFunc(x.keys, bound, func(k hashed, bound uint64) int { return cmp.Compare(uint64(k.Hash), bound) })
		return at
	}
	at, end := first(scan.Segment), first(scan.Segment+1)
	if scan.From != "" {
		var from hashed
		if err := json.Unmarshal([]byte(scan.From), &from); err != nil {
			return page, fmt.Errorf("cursor %q: %w", scan.From, err)
		}
		found, there := slices.BinarySearchFunc(x.keys, from, compare)
		if there {
			found++
		}
		at = max(at, found)
	}
	limit := scan.Limit
	if limit <= 0 {
		limit = pageKeys
	}
	for ; at < end; at++ {
		if limit == 0 {
			last, err := json.Marshal(x.keys[at-1])
			page.Next = string(last)
			return page, err
		}
		limit--
		k := x.keys[at]
		if page.Open == nil {
			page.Open = map[contracts.Status]int{}
		}
		page.Open[k.Status]++
		if k.DueAt <= scan.By {
			page.Due = append(page.Due, order.Due{OrderID: k.OrderID, DueAt: k.DueAt})
		}
	}
	return page, nil
}

// DuePage returns a page of the index of open orders.
func (s *Store) DuePage(_ context.Context, scan order.DueScan) (order.DuePage, error) {
	s.mu.Lock()
	if s.index == nil {
		var keys []Key
		for id, o := range s.rows {
			if o.OpenGroup != "" {
				keys = append(keys, Key{Group: o.OpenGroup, DueAt: o.DueAt, OrderID: id, Status: o.Status})
			}
		}
		s.index = NewIndex(keys)
	}
	index := s.index
	s.mu.Unlock()
	return index.Page(scan)
}
