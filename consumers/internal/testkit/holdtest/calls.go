package holdtest

import (
	"errors"
	"maps"
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts/seatstate"

	"pgregory.net/rapid"
)

func (p *pair) release(t *rapid.T) {
	order, version := p.order(t), rapid.IntRange(1, 4).Draw(t, "version")
	g := p.group(t)
	both(p, "release", func(b Backend) (holds.Release, error) { return b.Release(p.ctx, g, order, version) })
}

func (p *pair) lock(t *rapid.T) {
	token := p.token + int64(rapid.IntRange(0, 2).Draw(t, "ahead"))
	both(p, "lock", func(b Backend) (bool, error) { return b.Lock(p.ctx, p.g, max(token, 1), 100_000*time.Hour) })
}

func (p *pair) unlock(t *rapid.T) {
	token := p.token + int64(rapid.IntRange(-1, 2).Draw(t, "ahead"))
	both(p, "unlock", func(b Backend) (bool, error) { return true, b.Unlock(p.ctx, p.g, token) })
}

func (p *pair) forward(t *rapid.T) {
	order, hash := p.order(t), rapid.SampledFrom([]string{"h1", "h1", "h2"}).Draw(t, "hash")
	to := holds.Nowhere
	if rapid.IntRange(0, 3).Draw(t, "nowhere") > 0 {
		to = holds.Forwarding{Group: rapid.SampledFrom([]string{"B", "C-1"}).Draw(t, "to"), Hop: rapid.IntRange(1, 3).Draw(t, "hop")}
	}
	g := p.group(t)
	both(p, "forward", func(b Backend) (holds.Answer, error) { return b.Forward(p.ctx, g, order, hash, to) })
}

func (p *pair) keep(t *rapid.T) {
	heldAt := p.model.Now().Add(-time.Duration(rapid.Int64Range(0, 2*toLapse.Milliseconds()).Draw(t, "age")) * time.Millisecond)
	k := holds.Kept{
		Ask:     holds.Ask{Order: p.order(t), Hash: rapid.SampledFrom([]string{"h1", "h1", "h2"}).Draw(t, "hash"), Places: p.places(t)},
		Version: p.version(t), HeldAt: heldAt, ExpiresAt: heldAt.Add(HoldFor),
	}
	// Often it is the existing hold, or one that shares a place with it.
	if held := p.last.Records[k.Order]; held.State == seatstate.RecordHeld && rapid.Bool().Draw(t, "its own") {
		k.Places = rapid.Permutation(held.Places).Draw(t, "its places")[:rapid.IntRange(1, len(held.Places)).Draw(t, "so many")]
		k.HeldAt, k.ExpiresAt = held.HeldAt, held.HoldExpiresAt
		k.Version = max(k.Version, held.Version)
	}
	p.about = append(p.about, k.Order)
	g := p.group(t)
	both(p, "keep", func(b Backend) (holds.Applied, error) { return b.Keep(p.ctx, g, k) })
}

func (p *pair) sell(t *rapid.T) {
	order, places, version := p.order(t), p.places(t), p.version(t)
	g := p.group(t)
	both(p, "sell", func(b Backend) (holds.Sale, error) { return b.Sell(p.ctx, g, order, places, version) })
}

func (p *pair) restore(t *rapid.T) {
	order, places, version := p.order(t), p.places(t), p.version(t)
	p.about = append(p.about, order)
	g := p.group(t)
	both(p, "restore", func(b Backend) (holds.Release, error) { return b.Restore(p.ctx, g, order, places, version) })
}

func (p *pair) sweep(t *rapid.T) {
	g := p.group(t)
	both(p, "sweep", func(b Backend) (int, error) { return b.Sweep(p.ctx, g) })
}

func (p *pair) read(t *rapid.T) {
	g := p.group(t)
	both(p, "state", func(b Backend) (holds.State, error) { return b.State(p.ctx, g) })
}

// repair changes one order or a few, mostly with what the group shows of them.
func (p *pair) repair(t *rapid.T) {
	g := p.group(t)
	state, err := p.model.State(p.ctx, g)
	if err != nil && !errors.Is(err, holds.ErrNotLoaded) && !errors.Is(err, holds.ErrInvalid) {
		p.Fatal(err)
	}
	epoch := max(state.Revision.Epoch, 1)
	if rapid.IntRange(0, 15).Draw(t, "other epoch") == 0 {
		epoch++
	}
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, someOrders-1), 1, 5, rapid.ID).Draw(t, "orders")
	var changes []holds.Change
	for _, i := range ids {
		changes = append(changes, p.change(t, state, i))
		p.about = append(p.about, numbered(i))
	}
	both(p, "repair", func(b Backend) (holds.Repaired, error) { return b.Repair(p.ctx, g, epoch, changes) })
}

func (p *pair) change(t *rapid.T, state holds.State, i int) holds.Change {
	c := holds.Change{
		Order: numbered(i), Version: rapid.IntRange(0, 4).Draw(t, "version"),
		Want: rapid.SampledFrom([]seatstate.State{seatstate.Free, seatstate.Held, seatstate.Sold}).Draw(t, "want"),
	}
	// A version that is too old changes nothing, so most are not.
	if version := state.Records[c.Order].Version; c.Version < version && rapid.IntRange(0, 3).Draw(t, "old") > 0 {
		c.Version = version
	}
	if c.Version > 0 {
		c.Hash = "h1"
	}
	if c.Want != seatstate.Free {
		c.Places = p.places(t)
		c.HeldAt = p.model.Now().Add(-time.Duration(rapid.Int64Range(0, 2*toLapse.Milliseconds()).Draw(t, "age")) * time.Millisecond)
		c.ExpiresAt = c.HeldAt.Add(HoldFor)
	}
	c.Seen = state.Seen(c.Order, c.Places)
	if len(c.Seen) == 0 {
		c.Seen[0] = state.Entries[0]
	}
	if rapid.IntRange(0, 7).Draw(t, "moved") == 0 {
		place := rapid.SampledFrom(slices.Sorted(maps.Keys(c.Seen))).Draw(t, "place")
		c.Seen[place] = rapid.SampledFrom([]seatstate.Entry{
			{}, {State: seatstate.Sold, Order: c.Order}, {State: seatstate.Held, Order: numbered(i + 1), Lapses: p.model.Now()},
		}).Draw(t, "seen")
	}
	return c
}

func (p *pair) version(t *rapid.T) int { return rapid.IntRange(1, 4).Draw(t, "version") }
