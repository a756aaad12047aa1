package mirror_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// become writes the next version of an order's row, with its tickets, as one transaction does.
func (w *world) become(t testing.TB, id contracts.OrderID, to contracts.Status) {
	t.Helper()
	row, _, err := w.rows.Read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	after := row
	after.Status, after.Version = to, row.Version+1
	after.History = append(slices.Clone(row.History), readmodel.HistoryEntry{Status: to, Version: after.Version, At: w.now})
	if done, err := w.rows.Update(t.Context(), row, after); !done || err != nil {
		t.Fatalf("%s becomes %s: %v, %v", id, to, done, err)
	}
	for _, seat := range row.Seats {
		switch {
		case to.Paid():
			w.rows.PutTicket(group, seat, id)
		case row.Status.Paid():
			w.rows.RemoveTicket(group, seat)
		}
	}
}

// once runs do before the first call of that name.
func (w *world) once(name string, do func()) {
	w.late = func(call string) {
		if call == name {
			w.late = nil
			do()
		}
	}
}

func (w *world) broken() bool {
	return strings.Contains(w.metrics.String(), telemetry.InvariantsBroken.Name)
}

// The tickets that a sale goes by are old by the time it is made: the seat has a new owner, whose own sale is in Redis
// already and is never made again. It must not be taken for a sale that nobody took back.
func TestASeatThatChangesHandsStaysItsNewOwners(t *testing.T) {
	w := newWorld(t)
	old, owner := w.row(t, contracts.Committed, "A-1", "A-2"), w.row(t, contracts.Held, "A-1")
	w.once("sell", func() {
		w.become(t, old.OrderID, contracts.Revoked)
		w.become(t, owner.OrderID, contracts.Committed)
		w.mirror(t, owner.OrderID)
	})
	w.mirror(t, old.OrderID)
	if got := w.shown(owner.OrderID); got != "s0 . . . . . " || w.broken() {
		t.Errorf("Redis shows %q, metrics %s", got, w.metrics.String())
	}
}

// A paid order whose seat has another's ticket, under the same version of its row, cannot be. Nothing is overwritten,
// the shard goes on, and somebody is told.
func TestTwoOwnersAreAnAlarm(t *testing.T) {
	w := newWorld(t)
	first := w.row(t, contracts.Confirmed, "A-1")
	w.mirror(t, first.OrderID)
	second, next := w.row(t, contracts.Confirmed, "A-1"), w.row(t, contracts.Held, "A-2")
	w.rows.PutTicket(group, "A-1", first.OrderID)
	w.mirror(t, second.OrderID)
	w.mirror(t, next.OrderID)
	if got := w.shown(first.OrderID, next.OrderID); got != "s0 h1 . . . . " || !w.broken() {
		t.Errorf("Redis shows %q, metrics %s", got, w.metrics.String())
	}
}

// What is sold to an order that has no row is left to a repair.
func TestASaleWithoutARowIsAnAlarm(t *testing.T) {
	w := newWorld(t)
	if _, err := w.store.Sell(t.Context(), group, "e1nobody", []int{0}, 7); err != nil {
		t.Fatal(err)
	}
	o := w.row(t, contracts.Committed, "A-1")
	w.mirror(t, o.OrderID)
	if got := w.shown("e1nobody"); got != "s0 . . . . . " || !w.broken() {
		t.Errorf("Redis shows %q, metrics %s", got, w.metrics.String())
	}
}

// The row moves on between its read and its script, and the later version is in Redis first, in every status.
func TestALaterVersionIsReadAgain(t *testing.T) {
	for from, to := range map[contracts.Status]contracts.Status{
		contracts.Held: contracts.Cancelled, contracts.AwaitingPayment: contracts.Committed,
		contracts.Committed: contracts.Revoked, contracts.Confirmed: contracts.Refunded,
	} {
		t.Run(string(from)+" to "+string(to), func(t *testing.T) {
			w := newWorld(t)
			o := w.row(t, from, "A-1")
			w.once("layout", func() {
				w.become(t, o.OrderID, to)
				w.mirror(t, o.OrderID)
			})
			w.mirror(t, o.OrderID)
			want := ". . . . . . "
			if to.Paid() {
				want = "s0 . . . . . "
			}
			if got := w.shown(o.OrderID); got != want || w.store.Inspect(group).Records[o.OrderID].Version != 3 || w.broken() {
				t.Errorf("Redis shows %q, want %q; metrics %s", got, want, w.metrics.String())
			}
		})
	}
}

// A Redis that knows more than the row cannot be cured by another attempt, and must not stop the shard.
func TestARedisAheadOfTheRowIsAnAlarm(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		w := newWorld(t)
		o, good := w.row(t, status, "A-1"), w.row(t, contracts.Held, "A-2")
		if _, err := w.store.Release(t.Context(), group, o.OrderID, 9); err != nil {
			t.Fatal(err)
		}
		w.mirror(t, o.OrderID, good.OrderID)
		if got := w.shown(o.OrderID, good.OrderID); got != ". h1 . . . . " || !w.broken() {
			t.Errorf("%s: Redis shows %q, metrics %s", status, got, w.metrics.String())
		}
	}
}

func TestAPanicStopsNeitherTheOthersNorTheShard(t *testing.T) {
	w := newWorld(t)
	bad, good := w.row(t, contracts.Expired, "A-1"), w.row(t, contracts.Held, "A-2")
	w.late = func(call string) {
		if call == "release" {
			panic("oops")
		}
	}
	w.mirror(t, bad.OrderID, good.OrderID)
	if got := w.shown(bad.OrderID, good.OrderID); got != ". h1 . . . . " || !w.broken() {
		t.Errorf("Redis shows %q, metrics %s", got, w.metrics.String())
	}
}

// waiting are the MirrorOrders among what was sent.
func (w *world) waiting() (all []message.Encoded) {
	for _, m := range w.sent {
		if m.Attributes.Kind == message.KindMirrorOrder {
			all = append(all, m)
		}
	}
	return all
}

// A failure before or after each single call ends as without one: the record is given out again, or its order waits in its
// group's queue.
func TestAFailureOfAnyCallEndsTheSame(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		for _, wiped := range []bool{false, true} {
			end := func(failAt int) (shown string, calls int) {
				w := newWorld(t)
				revoked, loser, o := w.row(t, contracts.Revoked, "A-4"), w.row(t, contracts.Held, "A-2"), w.row(t, status, "A-1", "A-3", "A-4")
				if _, err := w.store.Sell(t.Context(), group, revoked.OrderID, []int{3}, 1); err != nil {
					t.Fatal(err)
				}
				w.mirror(t, loser.OrderID)
				if wiped {
					w.store.Wipe(group)
				}
				w.calls, w.failAt = nil, failAt
				_, err := w.handle(t, o.OrderID)
				failed := failAt > 0 && failAt <= 2*len(w.calls)
				if waits := w.waiting(); (err != nil || len(waits) > 0) != (failed || wiped) {
					t.Fatalf("%s, wiped %v, failing at %d of %v: %v, waiting %v", status, wiped, failAt, w.calls, err, waits)
				}
				calls, w.failAt = len(w.calls), 0
				if err != nil {
					w.mirror(t, o.OrderID)
				}
				for _, m := range w.waiting() {
					if o := w.handleMessage(t, m); o.Class != retry.ClassDone {
						t.Fatalf("%s, wiped %v, failing at %d: MirrorOrder: %+v", status, wiped, failAt, o)
					}
				}
				return w.shown(o.OrderID, loser.OrderID, revoked.OrderID), calls
			}
			want, calls := end(0)
			for failAt := 1; failAt <= 2*calls; failAt++ {
				if got, _ := end(failAt); got != want {
					t.Errorf("%s, wiped %v, failing at %d of %d: Redis shows %q, want %q", status, wiped, failAt, 2*calls, got, want)
				}
			}
		}
	}
}

// Orders that want the same seats move on, at any moment of the mirroring of others, with calls that fail. Each version
// is hinted at once, and again only after a failure; what was left to the queue of the group is handled in its order, and a
// repeated send of one version is swallowed. In the end Redis shows what the rows and tickets say.
func TestHintsOfAnyAgeEndTheSame(t *testing.T) {
	wants := [][]string{{"A-1"}, {"A-1", "A-2"}, {"A-2", "A-3"}, {"A-3"}, {"A-3", "A-1"}}
	rapid.Check(t, func(rt *rapid.T) {
		p := &play{world: newWorld(t), rt: rt, known: map[string]bool{}, script: rapid.SliceOfN(rapid.IntRange(0, 1<<16), 20, 200).Draw(rt, "script")}
		for _, seats := range wants {
			p.ids = append(p.ids, p.row(t, contracts.Held, seats...).OrderID)
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

// play is a world whose orders move by a script.
type play struct {
	*world
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
	row, _, _ := p.rows.Read(t.Context(), id)
	following := row.Status.Next()
	if len(following) == 0 {
		return
	}
	to := following[p.next(len(following))]
	tickets, _ := p.rows.Tickets(t.Context(), group)
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
		switch o := p.handleMessage(t, m); o.Class {
		case retry.ClassDone, retry.ClassRefused:
			p.queue = p.queue[1:]
		case retry.ClassRetryable:
		default:
			p.rt.Fatalf("MirrorOrder: %+v", o)
		}
	})
}

// underFaults does the work of one order. Meanwhile others move, and a call may fail.
func (p *play) underFaults(t testing.TB, id contracts.OrderID, faults bool, work func()) {
	clear(p.fail)
	if faults {
		if names := []string{"read", "ticket", "layout", "keep", "sell", "restore", "release", "send"}; p.next(3) == 0 {
			p.fail[names[p.next(len(names))]+[]string{"", " reply"}[p.next(2)]] = true
		}
		if p.next(8) == 0 {
			p.store.Wipe(group)
		}
		p.late = func(string) { p.meanwhile(t, id) }
	}
	work()
	p.late = nil
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
	p.sent = nil
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
	id, late, fail := p.hints[i], p.late, p.fail
	p.hints = slices.Delete(p.hints, i, i+1)
	p.late, p.fail = nil, map[string]bool{}
	if _, err := p.handle(t, id); err != nil {
		p.hints = append(p.hints, id)
	}
	p.late, p.fail = late, fail
	p.collect()
}

// check holds Redis to the rows and the tickets.
func (p *play) check(t testing.TB) {
	if p.broken() {
		p.rt.Fatalf("an invariant is broken: %s", p.metrics.String())
	}
	rows := map[contracts.OrderID]order.Order{}
	for _, id := range p.ids {
		rows[id], _, _ = p.rows.Read(t.Context(), id)
	}
	tickets, _ := p.rows.Tickets(t.Context(), group)
	state := p.store.Inspect(group)
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
