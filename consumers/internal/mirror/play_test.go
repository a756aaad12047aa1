package mirror_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// Orders that want the same seats move on, at any moment of the mirroring of others, with calls that fail. Each version
// is hinted once, and again only after a failure; MirrorOrders in the queue of the group are handled in their order, and a
// repeated send of one version is deduplicated. In the end Redis shows what the rows and tickets say.
func TestHintsOfAnyAgeEndTheSame(t *testing.T) {
	wants := [][]string{{"A-1"}, {"A-1", "A-2"}, {"A-2", "A-3"}, {"A-3"}, {"A-3", "A-1"}}
	rapid.Check(t, func(rt *rapid.T) {
		p := &play{fixture: newFixture(t), rt: rt, known: map[string]bool{}}
		p.script = rapid.SliceOfN(rapid.IntRange(0, 1<<16), 20, 200).Draw(rt, "script")
		for _, seats := range wants {
			p.ids = append(p.ids, p.put(t, contracts.Held, seats...).OrderID)
			p.hints = append(p.hints, p.ids[len(p.ids)-1])
		}
		for len(p.script) > 0 {
			if p.next(2) == 0 {
				p.move(t)
			}
			p.take(t, true)
			if p.next(2) == 0 {
				p.head(t, true)
			}
		}
		for tries := 0; len(p.hints)+len(p.queue) > 0; tries++ {
			if tries > 200 {
				rt.Fatal("hints and messages never end")
			}
			p.take(t, false)
			p.head(t, false)
		}
		p.check(t)
	})
}

// play is a fixture whose orders move by a script.
type play struct {
	fixture
	rt     *rapid.T
	script []int
	ids    []contracts.OrderID
	// hints are records that were not mirrored yet.
	hints []contracts.OrderID
	// queue are the MirrorOrders of the group that were not handled yet; known are those that were ever sent.
	queue []message.Encoded
	known map[string]bool
}

// next takes a number below n from the script, 0 at its end.
func (p *play) next(n int) int {
	if len(p.script) == 0 {
		return 0
	}
	i := p.script[0] % n
	p.script = p.script[1:]
	return i
}

// move takes one order a step on: paid only if all its seats are free of tickets, as the transaction demands.
func (p *play) move(t testing.TB) {
	id := p.ids[p.next(len(p.ids))]
	row, _, _ := p.Rows.Read(t.Context(), id)
	following := row.Status.Next()
	if len(following) == 0 {
		return
	}
	to := following[p.next(len(following))]
	tickets, _ := p.Rows.Tickets(t.Context(), group)
	if to.Paid() && slices.ContainsFunc(row.Seats, func(seat string) bool { return tickets[seat] != "" && tickets[seat] != id }) {
		return
	}
	p.become(t, id, to)
	p.hints = append(p.hints, id)
}

// take mirrors one hint. Meanwhile others move, and are mirrored in full by another shard.
func (p *play) take(t testing.TB, faults bool) {
	if len(p.hints) == 0 {
		return
	}
	i := p.next(len(p.hints))
	id := p.hints[i]
	p.hints = slices.Delete(p.hints, i, i+1)
	p.underFaults(t, id, faults, func() {
		if _, err := p.handle(t, id); err != nil {
			p.hints = append(p.hints, id)
		}
	})
}

// head handles the first MirrorOrder of the group, which stays the first until it is handled.
func (p *play) head(t testing.TB, faults bool) {
	if len(p.queue) == 0 {
		return
	}
	m := p.queue[0]
	p.underFaults(t, m.Attributes.OrderID, faults, func() {
		switch o := retry.Classify(p.handleMessage(t, m)); o.Class {
		case retry.ClassDone, retry.ClassRefused:
			p.queue = p.queue[1:]
		case retry.ClassRetryable:
		default:
			p.rt.Fatalf("MirrorOrder is %s %s (%v)", o.Class, o.Reason, o.Err)
		}
	})
}

// underFaults does the work of one order. Meanwhile others move, and a call may fail.
func (p *play) underFaults(t testing.TB, id contracts.OrderID, faults bool, work func()) {
	p.Heal()
	if faults {
		calls := []world.Call{
			world.Read, world.Ticket, world.LayoutGroup, world.Keep, world.Sell, world.Restore, world.Release, world.Send,
		}
		if p.next(3) == 0 {
			of := calls[p.next(len(calls))]
			p.Inject([]world.Fault{world.Fails(of), world.LosesAnswer(of)}[p.next(2)])
		}
		if p.next(8) == 0 {
			p.Holds.Wipe(group)
		}
		p.BeforeEach(func(world.Call, ...string) { p.meanwhile(t, id) })
	}
	work()
	p.BeforeEach(nil)
	p.collect()
}

// collect puts what was sent into the queue of the group, each message once.
func (p *play) collect() {
	for _, m := range p.waiting() {
		if !p.known[m.DeduplicationID] {
			p.known[m.DeduplicationID] = true
			p.queue = append(p.queue, m)
		}
	}
	p.ForgetSent()
}

// meanwhile moves orders, and mirrors one that is not the one being mirrored: an order is in one shard.
func (p *play) meanwhile(t testing.TB, but contracts.OrderID) {
	for p.next(3) == 1 {
		p.move(t)
	}
	if p.next(3) != 1 {
		return
	}
	i := slices.IndexFunc(p.hints, func(id contracts.OrderID) bool { return id != but })
	if i < 0 {
		return
	}
	id := p.hints[i]
	p.hints = slices.Delete(p.hints, i, i+1)
	p.BeforeEach(nil)
	faults := p.Heal() // the other shard's calls do not fail
	if _, err := p.handle(t, id); err != nil {
		p.hints = append(p.hints, id)
	}
	p.Inject(faults...)
	p.BeforeEach(func(world.Call, ...string) { p.meanwhile(t, but) })
	p.collect()
}

// check holds Redis to the rows and the tickets.
func (p *play) check(t testing.TB) {
	if p.Alarmed() {
		p.rt.Fatalf("an invariant is broken: %s", p.Metrics.String())
	}
	rows := map[contracts.OrderID]order.Order{}
	for _, id := range p.ids {
		rows[id], _, _ = p.Rows.Read(t.Context(), id)
	}
	tickets, _ := p.Rows.Tickets(t.Context(), group)
	// If Redis was wiped after the last message that needs the group, the next call loads it, as here.
	p.Heal()
	p.load(t)
	state := p.Holds.Inspect(group)
	for place := range 3 {
		entry, owner := state.Entries[place], tickets[fmt.Sprint("A-", place+1)]
		switch {
		case owner != "" && (entry.State != seatstate.Sold || entry.Order != owner),
			owner == "" && entry.State == seatstate.Sold,
			entry.State == seatstate.Held && !rows[entry.Order].Status.Open():
			p.rt.Fatalf("place %d is %v of %s, ticket %q, rows %s", place, entry.State, entry.Order, owner, p.shown(p.ids...))
		}
	}
}
