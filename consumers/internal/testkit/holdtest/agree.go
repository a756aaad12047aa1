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
	"boxoffice/contracts/seatstate"

	"pgregory.net/rapid"
)

// Agree makes random calls to a store and to memhold and checks for equal answers and equal states after each: holds and
// releases of a few orders on a few places, loads of all kinds, losses, and time that moves to just before, at and just
// after the instants that matter.
func Agree(t *testing.T, newBackend func(t *testing.T) Backend) {
	b := newBackend(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := &pair{T: rt, ctx: t.Context(), model: Memory(t), real: b, g: newGroup().SeatGroup}
		// The store's clock has advanced since the last check; the model begins at its time.
		p.model.Advance(b.Now().Sub(p.model.Now()))
		p.load(false)
		rt.Repeat(map[string]func(*rapid.T){
			"":     func(*rapid.T) { p.compare() },
			"call": p.call, "call more": p.call, "call yet more": p.call,
			"advance": p.advance, "to the edge": p.toEdge, "load again": p.reload,
		})
	})
}

// Enough orders for these places that many hold at once, that one sweep does not end all, and that most orders repeat.
const (
	somePlaces = 30
	someOrders = 20
)

// pair is the model and the store under test, which get the same calls.
type pair struct {
	*rapid.T
	ctx         context.Context
	model, real Backend
	g           contracts.SeatGroup
	token       int64
	last        State
	// about has the orders to which the calls since the last comparison gave other places.
	about []contracts.OrderID
}

func (p *pair) order(t *rapid.T) contracts.OrderID {
	return numbered(rapid.IntRange(0, someOrders-1).Draw(t, "order"))
}

func (p *pair) places(t *rapid.T) []int {
	most := rapid.SampledFrom([]int{1, 1, 2, 4}).Draw(t, "most")
	return rapid.SliceOfNDistinct(rapid.IntRange(0, somePlaces-1), 1, most, rapid.ID).Draw(t, "places")
}

// layouts are the layout versions that groups are loaded in.
const layouts = 3

// layout returns the group in some layout version, for a load.
func (p *pair) layout(t *rapid.T) seatstate.GroupVersion {
	return seatstate.In(p.g, rapid.IntRange(1, layouts).Draw(t, "layout version"))
}

// group returns the group in the layout version of a call: mostly the loaded one.
func (p *pair) group(t *rapid.T) seatstate.GroupVersion {
	if p.last.Loaded && rapid.IntRange(0, 11).Draw(t, "other layout version") > 0 {
		return seatstate.In(p.g, p.last.Revision.LayoutVersion)
	}
	return seatstate.In(p.g, rapid.IntRange(-1, layouts).Draw(t, "layout version"))
}

// call makes a call of a handler, mostly a hold.
func (p *pair) call(t *rapid.T) {
	calls := []struct {
		weight int
		make   func(t *rapid.T)
	}{
		{14, p.hold}, {4, p.release}, {2, p.lock}, {2, p.unlock}, {2, p.forward}, {2, p.keep}, {2, p.sell}, {2, p.restore},
		{2, p.sweep}, {3, p.repair}, {1, p.read},
	}
	var all []func(t *rapid.T)
	for _, c := range calls {
		for range c.weight {
			all = append(all, c.make)
		}
	}
	all[rapid.IntRange(0, len(all)-1).Draw(t, "kind")](t)
}

// reload loads again now and then, rarely enough that most groups get old between two loads.
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
	g := p.group(t)
	both(p, "hold", func(b Backend) ([]holds.Answer, error) { return b.Hold(p.ctx, g, run) })
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

// load mostly wipes the group first, since a group that is loaded in the same layout version refuses. It mostly has the
// lock under its token, which mostly is later than the group's.
func (p *pair) load(mayFail bool) {
	if !mayFail || rapid.IntRange(0, 2).Draw(p.T, "lose") > 0 {
		for _, b := range []Backend{p.model, p.real} {
			if err := b.Wipe(p.ctx, p.g); err != nil {
				p.Fatal(err)
			}
		}
	}
	p.token++
	token := p.token
	if mayFail && rapid.IntRange(0, 4).Draw(p.T, "earlier token") == 0 {
		token = max(1, token-int64(rapid.IntRange(1, 2).Draw(p.T, "earlier by")))
	}
	locked := token
	if mayFail && rapid.IntRange(0, 4).Draw(p.T, "other token") == 0 {
		locked--
	}
	if locked > 0 {
		both(p, "lock", func(b Backend) (bool, error) { return b.Lock(p.ctx, p.g, locked, 100_000*time.Hour) })
	}
	g := p.layout(p.T)
	l := holds.Load{Token: token, Places: somePlaces, Sold: map[int]contracts.OrderID{}}
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
	both(p, "load", func(b Backend) (struct{}, error) { return struct{}{}, b.Load(p.ctx, g, l) })
	p.last = State{}
}

func (p *pair) advance(t *rapid.T) {
	most := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 2 * toLapse}).Draw(t, "most")
	d := time.Duration(rapid.Int64Range(0, most.Milliseconds()).Draw(t, "ms")) * time.Millisecond
	p.model.Advance(d)
	p.real.Advance(d)
}

// toEdge moves time to 1 ms before, to, or 1 ms after an instant at which something becomes due.
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

// compare checks that the states are equal and consistent.
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
		if err := whole(p.last, got, p.about); err != nil {
			p.Fatal(err)
		}
	}
	p.last, p.about = got, nil
}

// both makes a call to the model and to the store and checks for the same answer.
func both[A any](p *pair, name string, call func(b Backend) (A, error)) {
	want, wantErr := call(p.model)
	got, err := call(p.real)
	if kind(err) != kind(wantErr) || !reflect.DeepEqual(got, want) {
		p.Fatalf("%s answered %+v, %v\nthe model %+v, %v", name, got, err, want, wantErr)
	}
}

// kind returns which error of package holds err is.
func kind(err error) string {
	for _, known := range []error{holds.ErrNotLoaded, holds.ErrLoadRefused, holds.ErrInvalid} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return fmt.Sprint(err)
}
