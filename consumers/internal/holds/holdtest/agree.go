package holdtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"

	"pgregory.net/rapid"
)

// Agree makes random calls to a store and to memhold and wants equal answers and equal states after each: holds and
// releases of a few orders on a few places, loads of all kinds, losses, and time that moves to just before, at and
// just after the instants that matter.
func Agree(t *testing.T, newBackend func(t *testing.T) Backend) {
	b := newBackend(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := &pair{T: rt, ctx: t.Context(), model: Memory(t), real: b, g: newGroup()}
		// The store's clock has gone on since the last check; the model begins where it is now.
		p.model.Advance(b.Now().Sub(p.model.Now()))
		p.load(false)
		rt.Repeat(map[string]func(*rapid.T){
			"":     func(*rapid.T) { p.compare() },
			"call": p.call, "call more": p.call, "call yet more": p.call,
			"advance": p.advance, "to the edge": p.toEdge, "load again": p.reload,
		})
	})
}

// So many orders for so many places that many hold at once, more than one sweep ends, and most come back.
const (
	somePlaces = 30
	someOrders = 20
)

// pair is the model and the store under test, given the same calls.
type pair struct {
	*rapid.T
	ctx         context.Context
	model, real Backend
	g           contracts.SeatGroup
	token       int64
	last        State
}

func (p *pair) order(t *rapid.T) contracts.OrderID {
	return numbered(rapid.IntRange(0, someOrders-1).Draw(t, "order"))
}

func (p *pair) places(t *rapid.T) []int {
	most := rapid.SampledFrom([]int{1, 1, 2, 4}).Draw(t, "most")
	return rapid.SliceOfNDistinct(rapid.IntRange(0, somePlaces-1), 1, most, rapid.ID).Draw(t, "places")
}

// call is a call of a handler: mostly a hold.
func (p *pair) call(t *rapid.T) {
	switch kind := rapid.IntRange(0, 15).Draw(t, "kind"); {
	case kind == 15:
		both(p, "sweep", func(b Backend) (int, error) { return b.Sweep(p.ctx, p.g) })
	case kind == 13:
		order, places, version := p.order(t), p.places(t), rapid.IntRange(1, 4).Draw(t, "version")
		both(p, "sell", func(b Backend) (holds.Sale, error) {
			sale, err := b.Sell(p.ctx, p.g, order, places, version)
			slices.Sort(sale.Displaced)
			return sale, err
		})
	case kind == 14:
		order, places, version := p.order(t), p.places(t), rapid.IntRange(1, 4).Draw(t, "version")
		both(p, "restore", func(b Backend) (holds.Release, error) { return b.Restore(p.ctx, p.g, order, places, version) })
	case kind == 12:
		heldAt := p.model.Now().Add(-time.Duration(rapid.Int64Range(0, 2*toLapse.Milliseconds()).Draw(t, "age")) * time.Millisecond)
		k := holds.Kept{
			Ask:     holds.Ask{Order: p.order(t), Hash: "h1", Places: p.places(t)},
			Version: rapid.IntRange(1, 4).Draw(t, "version"), HeldAt: heldAt, ExpiresAt: heldAt.Add(HoldFor),
		}
		both(p, "keep", func(b Backend) (holds.Applied, error) { return b.Keep(p.ctx, p.g, k) })
	case kind == 11:
		order, hash := p.order(t), rapid.SampledFrom([]string{"h1", "h1", "h2"}).Draw(t, "hash")
		to := holds.Forwarding{Group: rapid.SampledFrom([]string{"B", "C-1"}).Draw(t, "to"), Hop: rapid.IntRange(1, 3).Draw(t, "hop")}
		both(p, "forward", func(b Backend) (holds.Answer, error) { return b.Forward(p.ctx, p.g, order, hash, to) })
	case kind < 7:
		p.hold(t)
	case kind < 9:
		p.release(t)
	case kind < 10:
		p.lock(t)
	default:
		p.unlock(t)
	}
}

// reload loads again now and then, so that most groups grow old enough for what lies between two loads.
func (p *pair) reload(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "now") == 0 {
		p.load(true)
	}
}

// hold asks for one order, or for a run of some.
func (p *pair) hold(t *rapid.T) {
	var run holds.Run
	for range rapid.SampledFrom([]int{1, 1, 2, 5}).Draw(t, "orders") {
		run.Asks = append(run.Asks, p.ask(t))
	}
	both(p, "hold", func(b Backend) ([]holds.Answer, error) { return b.Hold(p.ctx, p.g, run) })
}

func (p *pair) ask(t *rapid.T) holds.Ask {
	ask := holds.Ask{Order: p.order(t), Hash: "h1", Places: p.places(t)}
	if rapid.IntRange(0, 9).Draw(t, "other body") == 0 {
		ask.Hash = "h2"
	}
	if rapid.IntRange(0, 19).Draw(t, "outside") == 0 {
		ask.Places = append(ask.Places, somePlaces+rapid.IntRange(0, 6).Draw(t, "by"))
	}
	return ask
}

func (p *pair) release(t *rapid.T) {
	order, version := p.order(t), rapid.IntRange(1, 4).Draw(t, "version")
	both(p, "release", func(b Backend) (holds.Release, error) { return b.Release(p.ctx, p.g, order, version) })
}

func (p *pair) lock(t *rapid.T) {
	token := p.token + int64(rapid.IntRange(0, 2).Draw(t, "ahead"))
	both(p, "lock", func(b Backend) (bool, error) { return b.Lock(p.ctx, p.g, max(token, 1), 100_000*time.Hour) })
}

func (p *pair) unlock(t *rapid.T) {
	token := p.token + int64(rapid.IntRange(-1, 2).Draw(t, "ahead"))
	both(p, "unlock", func(b Backend) (bool, error) { return true, b.Unlock(p.ctx, p.g, token) })
}

// load mostly loses the group first, since a loaded group refuses, and mostly has the lock under its token.
func (p *pair) load(mayFail bool) {
	if !mayFail || rapid.IntRange(0, 4).Draw(p.T, "lose") > 0 {
		for _, b := range []Backend{p.model, p.real} {
			if err := b.Wipe(p.ctx, p.g); err != nil {
				p.Fatal(err)
			}
		}
	}
	p.token++
	locked := p.token
	if mayFail && rapid.IntRange(0, 4).Draw(p.T, "other token") == 0 {
		locked--
	}
	if locked > 0 {
		both(p, "lock", func(b Backend) (bool, error) { return b.Lock(p.ctx, p.g, locked, 100_000*time.Hour) })
	}
	l := holds.Load{Token: p.token, Places: somePlaces, Sold: map[int]contracts.OrderID{}}
	for _, place := range rapid.SliceOfNDistinct(rapid.IntRange(0, somePlaces-1), 0, 5, rapid.ID).Draw(p.T, "sold") {
		l.Sold[place] = p.order(p.T)
	}
	for range rapid.IntRange(0, 14).Draw(p.T, "open") {
		heldAt := p.model.Now().Add(-time.Duration(rapid.Int64Range(0, 2*toLapse.Milliseconds()).Draw(p.T, "age")) * time.Millisecond)
		l.Open = append(l.Open, holds.OpenOrder{
			Ask:     holds.Ask{Order: p.order(p.T), Hash: "h1", Places: p.places(p.T)},
			Version: rapid.IntRange(1, 3).Draw(p.T, "version"), HeldAt: heldAt, ExpiresAt: heldAt.Add(HoldFor),
		})
	}
	both(p, "load", func(b Backend) (struct{}, error) { return struct{}{}, b.Load(p.ctx, p.g, l) })
	p.last = State{}
}

func (p *pair) advance(t *rapid.T) {
	most := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 2 * toLapse}).Draw(t, "most")
	d := time.Duration(rapid.Int64Range(0, most.Milliseconds()).Draw(t, "ms")) * time.Millisecond
	p.model.Advance(d)
	p.real.Advance(d)
}

// toEdge moves time to 1 ms before, to, or 1 ms after one of the instants at which something becomes due.
func (p *pair) toEdge(t *rapid.T) {
	s, err := p.model.Inspect(p.ctx, p.g)
	if err != nil {
		p.Fatal(err)
	}
	edges := slices.Sorted(maps.Values(s.Lapses))
	edges = append(edges, slices.Sorted(maps.Values(s.Ends))...)
	edges = slices.DeleteFunc(edges, func(at contracts.Instant) bool { return at <= p.model.Now() })
	if len(edges) == 0 {
		return
	}
	at := rapid.SampledFrom(edges).Draw(t, "edge") + contracts.Instant(rapid.IntRange(-1, 1).Draw(t, "off"))
	d := at.Sub(p.model.Now())
	p.model.Advance(d)
	p.real.Advance(d)
}

// compare wants equal states that make sense.
func (p *pair) compare() {
	model, err := p.model.Inspect(p.ctx, p.g)
	if err != nil {
		p.Fatal(err)
	}
	got, err := p.real.Inspect(p.ctx, p.g)
	if err != nil {
		p.Fatal(err)
	}
	if !reflect.DeepEqual(got, model) {
		p.Fatalf("state is\n%+v\nthe model has\n%+v", got, model)
	}
	if err := Consistent(got); err != nil {
		p.Fatal(err)
	}
	if p.last.Loaded && p.last.Revision.Epoch == got.Revision.Epoch {
		if err := moved(p.last, got); err != nil {
			p.Fatal(err)
		}
	}
	p.last = got
}

// both makes a call to the model and to the store and wants the same answer.
func both[A any](p *pair, name string, call func(b Backend) (A, error)) {
	want, wantErr := call(p.model)
	got, err := call(p.real)
	if kind(err) != kind(wantErr) || !reflect.DeepEqual(got, want) {
		p.Fatalf("%s answered %+v, %v\nthe model %+v, %v", name, got, err, want, wantErr)
	}
}

// kind is which of the errors of package holds an error is.
func kind(err error) string {
	for _, known := range []error{holds.ErrNotLoaded, holds.ErrLoadRefused, holds.ErrInvalid} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return fmt.Sprint(err)
}
