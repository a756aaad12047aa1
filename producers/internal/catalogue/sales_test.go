package catalogue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/catalogue"
)

// counted is a store of the free seats.
type counted struct {
	mu    sync.Mutex
	reads int
	sales readmodel.Sales
	found bool
	err   error
}

func (c *counted) Sales(context.Context) (readmodel.Sales, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	return c.sales, c.found, c.err
}

// The count is read once in ten seconds, whatever comes of it, and shown until it is five minutes old. Without one nothing is
// invented.
func TestFreeSeatsAreReadOnceInAWhileAndShownUntilTheyAreOld(t *testing.T) {
	start := time.UnixMilli(1_900_000_000_000)
	now := start
	source := &counted{}
	s := catalogue.NewSales(source, quiet, func() time.Time { return now })
	step := func(name string, want, reads int) {
		t.Helper()
		for range 3 {
			if left := s.SeatsLeft(t.Context()); left["c"].Free != want || (want == 0) != (len(left) == 0) {
				t.Errorf("%s: %v, want %d", name, left, want)
			}
		}
		if source.reads != reads {
			t.Errorf("%s: %d reads, want %d", name, source.reads, reads)
		}
	}
	step("nobody has counted", 0, 1)
	source.found, source.sales = true, readmodel.Sales{At: contracts.InstantOf(start), Concerts: map[string]readmodel.SeatCount{"c": {Free: 5, Total: 9}}}
	now = start.Add(catalogue.Kept - 1)
	step("some seconds later", 0, 1)
	now = start.Add(catalogue.Kept)
	step("counted", 5, 2)
	source.err = errors.New("throttled")
	now = now.Add(catalogue.Kept)
	step("the store fails", 5, 3)
	now = start.Add(catalogue.MaxSalesAge)
	step("the store fails for long", 5, 4)
	now = now.Add(1)
	step("the count is too old", 0, 4)
	source.err, source.sales.At = nil, contracts.InstantOf(now.Add(time.Minute))
	now = now.Add(catalogue.Kept)
	step("counted again, by a clock that is ahead", 5, 5)
}

// With many groups on sale the counts of concerts differ in age: an old one is not shown although the item is new.
func TestOldCountOfAConcertIsNotShown(t *testing.T) {
	now := time.UnixMilli(1_900_000_000_000)
	at := func(age time.Duration) readmodel.SeatCount {
		return readmodel.SeatCount{At: contracts.InstantOf(now.Add(-age)), Free: 1, Total: 2}
	}
	s := catalogue.NewSales(&counted{found: true, sales: readmodel.Sales{At: contracts.InstantOf(now), Concerts: map[string]readmodel.SeatCount{
		"new": at(0), "just": at(catalogue.MaxSalesAge), "old": at(catalogue.MaxSalesAge + time.Millisecond), "before": {Free: 1, Total: 2},
	}}}, quiet, func() time.Time { return now })
	left := s.SeatsLeft(t.Context())
	if _, old := left["old"]; old || len(left) != 3 {
		t.Errorf("shown are %v", left)
	}
}

func TestFreeSeatsAreReadOnceByManyRequests(t *testing.T) {
	source := &counted{}
	s := catalogue.NewSales(source, quiet, func() time.Time { return time.UnixMilli(1) })
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { s.SeatsLeft(t.Context()) })
	}
	all.Wait()
	if source.reads != 1 {
		t.Errorf("%d reads", source.reads)
	}
}
