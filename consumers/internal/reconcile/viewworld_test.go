package reconcile_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/testkit/viewtest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/topology"
)

// Calls for the overview.
const (
	readView    world.Call = "read view"
	writeView   world.Call = "write view"
	countQueues world.Call = "count queues"
	readLags    world.Call = "read lags"
	listLetters world.Call = "list letters"
)

// fakeView is what the overview is made from, over a table in memory.
type fakeView struct {
	*viewtest.Memory
	w        *fixture
	topology topology.Topology
	// depths are those of the queues, all of which are empty at first.
	depths              map[string]reconcile.QueueDepth
	decisions, payments *time.Duration
	// differences are the notes of the ledger.
	differences []readmodel.LetterKey
	breakers    []readmodel.OpenBreaker
}

func newFakeView(t testing.TB, w *fixture) *fakeView {
	t.Helper()
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	v := &fakeView{Memory: &viewtest.Memory{}, w: w, topology: all, depths: map[string]reconcile.QueueDepth{}}
	for _, q := range all.Queues {
		v.depths[q.Name] = reconcile.QueueDepth{Name: q.Name}
	}
	return v
}

func (v *fakeView) ports() *reconcile.View {
	return &reconcile.View{Store: v, Depths: v, Lags: v, Letters: v, Breakers: func() []readmodel.OpenBreaker { return v.breakers }, Topology: v.topology}
}

func (v *fakeView) Read(ctx context.Context, concertIDs []string) (reconcile.ViewItems, error) {
	return world.Do(v.w.World, readView, concertIDs, func() (reconcile.ViewItems, error) { return v.Memory.Read(ctx, concertIDs) })
}

func (v *fakeView) Write(ctx context.Context, items reconcile.ViewItems) error {
	var about []string
	for id := range items.Concerts {
		about = append(about, id)
	}
	if items.Overview != nil {
		about = append(about, readmodel.OverviewItem)
	}
	_, err := world.Do(v.w.World, writeView, about, func() (struct{}, error) { return struct{}{}, v.Memory.Write(ctx, items) })
	return err
}

func (v *fakeView) Depths(context.Context) ([]reconcile.QueueDepth, error) {
	return world.Do(v.w.World, countQueues, nil, func() (depths []reconcile.QueueDepth, err error) {
		for _, depth := range v.depths {
			depths = append(depths, depth)
		}
		return depths, nil
	})
}

func (v *fakeView) Lags(context.Context) (decisions, payments *time.Duration, err error) {
	_, err = world.Do(v.w.World, readLags, nil, func() (struct{}, error) { return struct{}{}, nil })
	if err != nil {
		return nil, nil, err
	}
	return v.decisions, v.payments, nil
}

func (v *fakeView) List(_ context.Context, list string, from contracts.Instant, limit int) (keys []readmodel.LetterKey, more bool, err error) {
	_, err = world.Do(v.w.World, listLetters, []string{list}, func() (struct{}, error) {
		if list == readmodel.ListDifferences {
			keys = slices.Clone(v.differences)
		} else {
			for _, letter := range v.w.Letters() {
				keys = append(keys, readmodel.LetterKey{List: letter.List, ListedAt: letter.ListedAt, MessageKey: letter.MessageKey})
			}
		}
		keys = slices.DeleteFunc(keys, func(k readmodel.LetterKey) bool { return k.List != list || k.ListedAt < readmodel.ListedFrom(from) })
		slices.SortFunc(keys, func(a, b readmodel.LetterKey) int { return cmp.Compare(b.ListedAt, a.ListedAt) })
		return struct{}{}, nil
	})
	if more = len(keys) > limit; more {
		keys = keys[:limit]
	}
	return keys, more, err
}

// overview returns the stored overview.
func (v *fakeView) overview(t testing.TB) readmodel.Overview {
	t.Helper()
	items, err := v.Memory.Read(t.Context(), nil)
	if err != nil || items.Overview == nil {
		t.Fatalf("no overview: %v", err)
	}
	return *items.Overview
}

// sales returns the stored count of free seats.
func (v *fakeView) sales(t testing.TB) readmodel.Sales {
	t.Helper()
	items, err := v.Memory.Read(t.Context(), nil)
	if err != nil || items.Sales == nil {
		t.Fatalf("no sales: %v", err)
	}
	return *items.Sales
}

func queueOf(t testing.TB, o readmodel.Overview, name string) readmodel.QueueState {
	t.Helper()
	i := slices.IndexFunc(o.Queues, func(q readmodel.QueueState) bool { return q.Name == name })
	if i < 0 {
		t.Fatalf("no queue %s", name)
	}
	return o.Queues[i]
}

// raised returns the raised alarms by name.
func raised(o readmodel.Overview) map[string]readmodel.RaisedAlarm {
	by := map[string]readmodel.RaisedAlarm{}
	for _, a := range o.Alarms {
		by[a.Name] = a
	}
	return by
}
