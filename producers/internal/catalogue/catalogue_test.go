package catalogue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/catalogue"
)

// source counts its reads.
type source struct {
	concerts int
	lists    int
	reads    []string
	items    map[string][]byte
	err      error
	concert  readmodel.Concert
}

func (s *source) Concert(_ context.Context, id string) (readmodel.Concert, bool, error) {
	s.concerts++
	concert := s.concert
	concert.ConcertID = id
	return concert, id == "c", s.err
}

func (s *source) Concerts(context.Context) ([]readmodel.Concert, error) {
	s.lists++
	return []readmodel.Concert{{ConcertID: "b", StartsAt: 2}, {ConcertID: "c", StartsAt: 1}, {ConcertID: "a", StartsAt: 2}}, s.err
}

func (s *source) LayoutItem(_ context.Context, key string, consistent bool) ([]byte, bool, error) {
	s.reads = append(s.reads, fmt.Sprint(key, " ", consistent))
	body, found := s.items[key]
	return body, found, s.err
}

var quiet = slog.New(slog.DiscardHandler)

func TestConcertsAreKeptForAWhile(t *testing.T) {
	s, now := &source{}, time.UnixMilli(0)
	c := catalogue.New(s, quiet, func() time.Time { return now })
	for range 3 {
		if _, found, err := c.Concert(t.Context(), "c"); !found || err != nil {
			t.Fatal(found, err)
		}
		if list, at, err := c.Concerts(t.Context()); err != nil || list.Len() != 3 || !at.Equal(time.UnixMilli(0)) {
			t.Fatal(list, at, err)
		}
		now = now.Add(time.Second)
		if _, at, found, err := c.ConcertAt(t.Context(), "c"); !found || err != nil || !at.Equal(time.UnixMilli(0)) {
			t.Fatal(at, found, err)
		}
	}
	if s.concerts != 1 || s.lists != 1 {
		t.Errorf("read %d and %d times, want once", s.concerts, s.lists)
	}
	now = now.Add(catalogue.Kept)
	_, _, _ = c.Concert(t.Context(), "c")
	_, _, _ = c.Concerts(t.Context())
	if s.concerts != 2 || s.lists != 2 {
		t.Errorf("after %s read %d and %d times, want twice", catalogue.Kept, s.concerts, s.lists)
	}
}

// A sale that should be open and waits for the mark of its layout opens within a second of the mark.
func TestConcertIsReadEachSecondUntilItsLayoutIsMarked(t *testing.T) {
	for name, c := range map[string]struct {
		concert readmodel.Concert
		often   bool
	}{
		"no mark, and the sale has begun": {readmodel.Concert{LayoutVersion: 2, OnSaleAt: 1000, OffSaleAt: 1 << 50}, true},
		"the layout is marked":            {readmodel.Concert{LayoutVersion: 2, LayoutFrozen: 2, OnSaleAt: 1000, OffSaleAt: 1 << 50}, false},
		"the sale has not begun":          {readmodel.Concert{LayoutVersion: 2, OnSaleAt: 1 << 49, OffSaleAt: 1 << 50}, false},
		"the sale is over":                {readmodel.Concert{LayoutVersion: 2, OnSaleAt: 1000, OffSaleAt: 1500}, false},
		"the concert is cancelled":        {readmodel.Concert{LayoutVersion: 2, OnSaleAt: 1000, OffSaleAt: 1 << 50, CancelledAt: 1}, false},
	} {
		s, now := &source{concert: c.concert}, time.UnixMilli(2000)
		memory := catalogue.New(s, quiet, func() time.Time { return now })
		for range 2 {
			if _, found, err := memory.Concert(t.Context(), "c"); !found || err != nil {
				t.Fatal(found, err)
			}
			now = now.Add(catalogue.KeptBeforeMark)
		}
		if (s.concerts == 2) != c.often {
			t.Errorf("%s: read %d times", name, s.concerts)
		}
	}
}

func TestMissingItemIsNotKept(t *testing.T) {
	s := &source{}
	c := catalogue.New(s, quiet, time.Now)
	for range 2 {
		if _, found, err := c.Concert(t.Context(), "x"); found || err != nil {
			t.Fatal(found, err)
		}
		if _, found, err := c.Seating(t.Context(), "c", 1, true); found || err != nil {
			t.Fatal(found, err)
		}
	}
	if s.concerts != 2 || len(s.reads) != 4 {
		t.Errorf("read %d times, and %v", s.concerts, s.reads)
	}
	for _, id := range []string{"", "a b", "{c}"} {
		if _, found, err := c.Concert(t.Context(), id); found || err != nil || s.concerts != 2 {
			t.Errorf("%q: found %v, %v, read %d times", id, found, err, s.concerts)
		}
	}
	s.err = errors.New("broken")
	if _, _, err := c.Concert(t.Context(), "c"); err == nil {
		t.Error("an error counts as found")
	}
}

// 20 orders make one read of the layout, at half the cost of a consistent one. The page's item is not read.
func TestSeatsOfLayoutAreReadOnce(t *testing.T) {
	group := readmodel.LayoutGroup{Group: "A", Section: "s", Seats: []string{"A-1", "A-2"}}
	body, err := layoutitem.EncodeSeats([]readmodel.LayoutGroup{group})
	if err != nil {
		t.Fatal(err)
	}
	s := &source{items: map[string][]byte{"c#1#seats": body}}
	c := catalogue.New(s, quiet, time.Now)
	for range 20 {
		seating, found, err := c.Seating(t.Context(), "c", 1, true)
		if err != nil || !found || len(seating.Groups()) != 1 || seating.Groups()[0].Group != "A" {
			t.Fatal(found, err)
		}
	}
	if !slices.Equal(s.reads, []string{"c#1#seats false"}) {
		t.Errorf("read %v", s.reads)
	}
	s.items["c#2#seats"] = []byte("x")
	if _, found, err := c.Seating(t.Context(), "c", 2, true); found || err == nil {
		t.Error("an item that does not decode counts as a layout")
	}
}

// A concert that cannot be read is used as it was, for a quarter of an hour.
func TestOldConcertIsUsedWhileStoreFails(t *testing.T) {
	s, now := &source{}, time.UnixMilli(0)
	c := catalogue.New(s, quiet, func() time.Time { return now })
	read := func() (concert, list error) {
		_, found, concert := c.Concert(t.Context(), "c")
		all, at, list := c.Concerts(t.Context())
		if (concert == nil) != found || (list == nil) != (all != nil) || list == nil && now.Sub(at) > catalogue.KeptWithoutSource {
			t.Errorf("found %t, %v; concerts %v of %s, %v", found, concert, all, at, list)
		}
		return concert, list
	}
	s.err = errors.New("throttled")
	if concert, list := read(); concert == nil || list == nil {
		t.Errorf("nothing is known: %v, %v", concert, list)
	}
	s.err = nil
	if concert, list := read(); concert != nil || list != nil {
		t.Error(concert, list)
	}
	s.err = errors.New("throttled")
	now = now.Add(catalogue.KeptWithoutSource - 1)
	if concert, list := read(); concert != nil || list != nil {
		t.Errorf("while it is throttled: %v, %v", concert, list)
	}
	now = now.Add(1)
	if concert, list := read(); concert == nil || list == nil {
		t.Errorf("for too long: %v, %v", concert, list)
	}
	// Each request tried to read it, and a concert that can be read again is read.
	s.err = nil
	before := s.concerts
	if concert, _ := read(); concert != nil || s.concerts != before+1 {
		t.Errorf("%v, %d reads", concert, s.concerts-before)
	}
}
