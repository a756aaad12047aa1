package catalogue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/catalogue"
)

// source counts what it is asked for.
type source struct {
	concerts int
	lists    int
	layouts  int
	groups   []readmodel.LayoutGroup
	err      error
}

func (s *source) Concert(_ context.Context, id string) (readmodel.Concert, bool, error) {
	s.concerts++
	return readmodel.Concert{ConcertID: id}, id == "c", s.err
}

func (s *source) Concerts(context.Context) ([]readmodel.Concert, error) {
	s.lists++
	return []readmodel.Concert{{ConcertID: "b", StartsAt: 2}, {ConcertID: "c", StartsAt: 1}, {ConcertID: "a", StartsAt: 2}}, s.err
}

func (s *source) Layout(context.Context, string, int) ([]readmodel.LayoutGroup, error) {
	s.layouts++
	return s.groups, s.err
}

func TestConcertsAreKeptForAWhile(t *testing.T) {
	s, now := &source{}, time.UnixMilli(0)
	c := catalogue.New(s, func() time.Time { return now })
	for range 3 {
		if _, found, err := c.Concert(t.Context(), "c"); !found || err != nil {
			t.Fatal(found, err)
		}
		if list, err := c.Concerts(t.Context()); err != nil || list[0].ConcertID != "c" || list[1].ConcertID != "a" {
			t.Fatal(list, err)
		}
	}
	if s.concerts != 1 || s.lists != 1 {
		t.Errorf("read %d and %d times, want once", s.concerts, s.lists)
	}
	now = now.Add(catalogue.Kept)
	_, _, _ = c.Concert(t.Context(), "c")
	_, _ = c.Concerts(t.Context())
	if s.concerts != 2 || s.lists != 2 {
		t.Errorf("after %s read %d and %d times, want twice", catalogue.Kept, s.concerts, s.lists)
	}
}

func TestWhatIsNotThereIsNotKept(t *testing.T) {
	s := &source{}
	c := catalogue.New(s, time.Now)
	for range 2 {
		if _, found, err := c.Concert(t.Context(), "x"); found || err != nil {
			t.Fatal(found, err)
		}
		if _, found, err := c.Seating(t.Context(), "c", 1, true); found || err != nil {
			t.Fatal(found, err)
		}
	}
	if s.concerts != 2 || s.layouts != 2 {
		t.Errorf("read %d and %d times", s.concerts, s.layouts)
	}
	for _, id := range []string{"", "a b", "{c}"} {
		if _, found, err := c.Concert(t.Context(), id); found || err != nil || s.concerts != 2 {
			t.Errorf("%q: found %v, %v, read %d times", id, found, err, s.concerts)
		}
	}
	s.err = errors.New("broken")
	if _, _, err := c.Concert(t.Context(), "c"); err == nil {
		t.Error("an error is taken for an answer")
	}
}

func TestOnlyAFrozenLayoutIsKept(t *testing.T) {
	s := &source{groups: []readmodel.LayoutGroup{{Group: "B", Order: 1}, {Group: "A", Order: 0}}}
	c := catalogue.New(s, time.Now)
	for want, frozen := range []bool{false, false, true, true, false} {
		seating, found, err := c.Seating(t.Context(), "c", 1, frozen)
		if err != nil || !found || seating.Groups()[0].Group != "A" {
			t.Fatal(found, err)
		}
		if want = min(want+1, 3); s.layouts != want {
			t.Errorf("read %d times, want %d", s.layouts, want)
		}
	}
}
