package layoutitem_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts/layoutitem"
)

// store has items by key and records each read.
type store struct {
	mu    sync.Mutex
	items map[string]string
	// lagging has the keys that a read misses if it is not consistent.
	lagging map[string]bool
	err     error
	reads   []string
}

func (s *store) LayoutItem(_ context.Context, key string, consistent bool) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	read := key
	if consistent {
		read += " consistent"
	}
	s.reads = append(s.reads, read)
	if s.err != nil {
		return nil, false, s.err
	}
	body, found := s.items[key]
	if !found || s.lagging[key] && !consistent {
		return nil, false, nil
	}
	return []byte(body), true, nil
}

// taken returns the reads since its last call.
func (s *store) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	reads := s.reads
	s.reads = nil
	return reads
}

// text is a Memory whose values are the bodies, counted by their length.
func text(s *store, maxBytes int, now *time.Time) *layoutitem.Memory[string] {
	return layoutitem.NewMemory(layoutitem.UseSeats, s, maxBytes, func() time.Time { return *now }, func(_ layoutitem.Ref, body []byte) (string, int, error) {
		if string(body) == "bad" {
			return "", 0, errors.New("not readable")
		}
		return string(body), len(body), nil
	})
}

func world() (*store, *layoutitem.Memory[string], *time.Time) {
	now := time.UnixMilli(0)
	s := &store{items: map[string]string{}, lagging: map[string]bool{}}
	return s, text(s, 100, &now), &now
}

func want(t *testing.T, m *layoutitem.Memory[string], version int, frozen bool, want string) {
	t.Helper()
	if got, found, err := m.Get(t.Context(), "c", version, frozen); err != nil || !found || got != want {
		t.Errorf("version %d: %q, %t, %v; want %q", version, got, found, err, want)
	}
}

func reads(t *testing.T, s *store, want ...string) {
	t.Helper()
	if got := s.taken(); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// A frozen layout is read once, with the cheap read, however much time passes, and also if it is an old version.
func TestAFrozenLayoutIsReadOnce(t *testing.T) {
	s, m, now := world()
	s.items["c#1#seats"], s.items["c#2#seats"] = "one", "two"
	for range 20 {
		want(t, m, 1, true, "one")
		want(t, m, 2, true, "two")
		*now = now.Add(time.Hour)
	}
	reads(t, s, "c#1#seats", "c#2#seats")
	want(t, m, 1, false, "one")
	reads(t, s)
}

// If the cheap read misses an item, a consistent read follows. The result that an item is missing is not cached.
func TestOnlyAConsistentReadSaysThatAnItemIsMissing(t *testing.T) {
	s, m, _ := world()
	s.items["c#1#seats"], s.lagging["c#1#seats"] = "one", true
	want(t, m, 1, true, "one")
	reads(t, s, "c#1#seats", "c#1#seats consistent")
	for range 2 {
		if _, found, err := m.Get(t.Context(), "c", 7, true); found || err != nil {
			t.Errorf("%t, %v", found, err)
		}
		reads(t, s, "c#7#seats", "c#7#seats consistent")
	}
}

// A layout that is not frozen is read again after some seconds, and once more when it is frozen.
func TestALayoutThatIsNotFrozenIsKeptForAWhile(t *testing.T) {
	s, m, now := world()
	s.items["c#1#seats"] = "one"
	want(t, m, 1, false, "one")
	*now = now.Add(layoutitem.Fresh - 1)
	want(t, m, 1, false, "one")
	reads(t, s, "c#1#seats")
	*now = now.Add(1)
	s.items["c#1#seats"] = "mended"
	want(t, m, 1, false, "mended")
	want(t, m, 1, true, "mended")
	want(t, m, 1, true, "mended")
	reads(t, s, "c#1#seats", "c#1#seats")
}

// A cached layout is better than an error.
func TestACachedLayoutIsReturnedWhenTheStoreFails(t *testing.T) {
	s, m, now := world()
	s.items["c#1#seats"] = "one"
	want(t, m, 1, false, "one")
	s.err = errors.New("throttled")
	*now = now.Add(time.Hour)
	want(t, m, 1, false, "one")
	want(t, m, 1, true, "one")
	if _, found, err := m.Get(t.Context(), "c", 2, true); found || !errors.Is(err, s.err) {
		t.Errorf("%t, %v", found, err)
	}
	s.err = nil
	s.items["c#1#seats"] = "two"
	want(t, m, 1, false, "two")
	// An item that cannot be decoded is an error that names the item.
	s.items["c#3#seats"] = "bad"
	if _, found, err := m.Get(t.Context(), "c", 3, true); found || err == nil {
		t.Errorf("%t, %v", found, err)
	}
}

// The memory is bounded in bytes and evicts the least recently used layout.
func TestTheMemoryIsBoundedInBytes(t *testing.T) {
	s, m, _ := world()
	long := func(n int) string { return fmt.Sprintf("%0*d", n, n) }
	for version, n := range map[int]int{1: 40, 2: 41, 3: 20, 4: 100, 5: 101} {
		s.items[fmt.Sprintf("c#%d#seats", version)] = long(n)
	}
	ask := func(version, n int, read bool) {
		t.Helper()
		want(t, m, version, true, long(n))
		if got := s.taken(); (len(got) == 1) != read {
			t.Errorf("version %d: read %q", version, got)
		}
	}
	ask(1, 40, true)
	ask(2, 41, true)
	ask(1, 40, false)
	ask(3, 20, true) // 101 bytes: the second goes
	ask(1, 40, false)
	ask(3, 20, false)
	ask(2, 41, true) // the first goes
	ask(3, 20, false)
	ask(1, 40, true)
	ask(5, 101, true) // never fits, and evicts no other layout
	ask(5, 101, true)
	ask(3, 20, false)
	ask(1, 40, false)
	ask(4, 100, true) // fits alone
	ask(4, 100, false)
	ask(1, 40, true)
}

func TestPreloadReadsTheFirstLayouts(t *testing.T) {
	s, m, _ := world()
	if err := m.Preload(t.Context()); err != nil {
		t.Errorf("nothing is named: %v", err)
	}
	reads(t, s, layoutitem.FirstKey)
	refs := []layoutitem.Ref{{ConcertID: "c", Version: 1}, {ConcertID: "gone", Version: 2}, {ConcertID: "c", Version: 3}}
	for i := range 10 {
		refs = append(refs, layoutitem.Ref{ConcertID: "more", Version: i})
	}
	body, err := layoutitem.EncodeFirst(refs)
	if err != nil {
		t.Fatal(err)
	}
	s.items[layoutitem.FirstKey], s.items["c#1#seats"], s.items["c#3#seats"], s.items["more#0#seats"] = string(body), "one", "three", "more"
	if err := m.Preload(t.Context()); err != nil {
		t.Error(err)
	}
	reads(t, s, layoutitem.FirstKey, "c#1#seats", "gone#2#seats", "gone#2#seats consistent", "c#3#seats", "more#0#seats")
	want(t, m, 1, true, "one")
	want(t, m, 3, true, "three")
	reads(t, s)
	s.err = errors.New("throttled")
	if err := m.Preload(t.Context()); !errors.Is(err, s.err) {
		t.Errorf("%v", err)
	}
	// After the deadline nothing more is read.
	s.err = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.taken()
	if err := m.Preload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("out of time: %v", err)
	}
	reads(t, s, layoutitem.FirstKey)
	s.items[layoutitem.FirstKey] = "x"
	if err := m.Preload(t.Context()); err == nil {
		t.Error("a broken list is accepted")
	}
}

func TestMemoryIsSafeForConcurrentUse(t *testing.T) {
	s, m, _ := world()
	for v := range 10 {
		s.items[fmt.Sprintf("c#%d#seats", v)] = fmt.Sprintf("%030d", v)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 200 {
				v := (i*7 + worker) % 10
				if got, found, err := m.Get(t.Context(), "c", v, i%3 > 0); !found || err != nil || got != fmt.Sprintf("%030d", v) {
					t.Errorf("version %d: %q, %t, %v", v, got, found, err)
				}
			}
		})
	}
	wg.Wait()
}
