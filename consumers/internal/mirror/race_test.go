package mirror_test

import (
	"fmt"
	"slices"
	"testing"

	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// The tickets that a sale goes by are old by the time it is made: the seat has a new owner, whose own sale is in Redis already
// and is never made again. It must not be mistaken for a former owner's sale that has to be taken back.
func TestASeatThatChangesHandsStaysWithItsNewOwner(t *testing.T) {
	w := newFixture(t)
	old, owner := w.put(t, contracts.Committed, "A-1", "A-2"), w.put(t, contracts.Held, "A-1")
	w.Meanwhile(world.Sell, func() {
		w.become(t, old.OrderID, contracts.Revoked)
		w.become(t, owner.OrderID, contracts.Committed)
		w.mirror(t, owner.OrderID)
	})
	w.mirror(t, old.OrderID)
	w.WantPlaces(t, group, sold(owner))
	w.WantAlarm(t, false)
}

// A paid order whose seat has another order's ticket, under the same version of its row, is a broken invariant. Nothing is
// overwritten, the shard goes on, and an alarm reports it.
func TestTwoOwnersAreAnAlarm(t *testing.T) {
	w := newFixture(t)
	first := w.put(t, contracts.Confirmed, "A-1")
	w.mirror(t, first.OrderID)
	second, next := w.put(t, contracts.Confirmed, "A-1"), w.put(t, contracts.Held, "A-2")
	w.Rows.PutTicket(group, "A-1", first.OrderID)
	w.mirror(t, second.OrderID)
	w.mirror(t, next.OrderID)
	w.WantPlaces(t, group, sold(first), held(next))
	w.WantAlarm(t, true)
}

// What is sold to an order that has no row is left to a repair.
func TestASaleWithoutARowIsAnAlarm(t *testing.T) {
	w := newFixture(t)
	w.sell(t, "e1nobody", 7, 0)
	o := w.put(t, contracts.Committed, "A-1")
	w.mirror(t, o.OrderID)
	w.WantPlaces(t, group, world.SoldTo("e1nobody"))
	w.WantAlarm(t, true)
}

// The row moves on between its read and its script, and the later version is in Redis first, in every status.
func TestALaterVersionIsReadAgain(t *testing.T) {
	for from, to := range map[contracts.Status]contracts.Status{
		contracts.Held: contracts.Cancelled, contracts.AwaitingPayment: contracts.Committed,
		contracts.Committed: contracts.Revoked, contracts.Confirmed: contracts.Refunded,
	} {
		t.Run(string(from)+" to "+string(to), func(t *testing.T) {
			w := newFixture(t)
			o := w.put(t, from, "A-1")
			w.Meanwhile(world.LayoutGroup, func() {
				w.become(t, o.OrderID, to)
				w.mirror(t, o.OrderID)
			})
			w.mirror(t, o.OrderID)
			if to.Paid() {
				w.WantPlaces(t, group, sold(o))
			} else {
				w.WantPlaces(t, group)
			}
			w.recorded(t, o.OrderID, 3)
			w.WantAlarm(t, false)
		})
	}
}

// A Redis that knows more than the row cannot be cured by another attempt, and must not stop the shard.
func TestARedisAheadOfTheRowIsAnAlarm(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		w := newFixture(t)
		o, good := w.put(t, status, "A-1"), w.put(t, contracts.Held, "A-2")
		if _, err := w.Holds.Release(t.Context(), v1(group), o.OrderID, 9); err != nil {
			t.Fatal(err)
		}
		w.mirror(t, o.OrderID, good.OrderID)
		w.WantPlaces(t, group, free, held(good))
		w.WantAlarm(t, true)
	}
}

func TestAPanicStopsNeitherTheOthersNorTheShard(t *testing.T) {
	w := newFixture(t)
	bad, good := w.put(t, contracts.Expired, "A-1"), w.put(t, contracts.Held, "A-2")
	w.Inject(world.Panics(world.Release).Always())
	w.mirror(t, bad.OrderID, good.OrderID)
	w.WantPlaces(t, group, free, held(good))
	w.WantAlarm(t, true)
}

// A failure of each single call, before or after its effect, ends as without one: the record is redelivered, or its order waits
// in its group's queue.
func TestAFailureOfAnyCallEndsTheSame(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		for _, wiped := range []bool{false, true} {
			// end mirrors the same orders with these faults, and returns what Redis shows and how many calls the first try made.
			end := func(faults ...world.Fault) (shown string, calls int) {
				w := newFixture(t)
				revoked, loser := w.put(t, contracts.Revoked, "A-4"), w.put(t, contracts.Held, "A-2")
				o := w.put(t, status, "A-1", "A-3", "A-4")
				w.sell(t, revoked.OrderID, 1, 3)
				w.mirror(t, loser.OrderID)
				if wiped {
					w.Holds.Wipe(group)
				}
				w.ForgetCalls()
				w.Inject(faults...)
				_, err := w.handle(t, o.OrderID)
				calls = len(w.Calls())
				failed := len(faults) > 0 && len(w.Heal()) == 0
				if waits := w.waiting(); (err != nil || len(waits) > 0) != (failed || wiped) {
					t.Fatalf("%s, wiped %v, %v in %v: %v, %d wait", status, wiped, faults, w.Calls(), err, len(waits))
				}
				if err != nil {
					w.mirror(t, o.OrderID)
				}
				for _, m := range w.waiting() {
					world.WantDone(t, w.handleMessage(t, m))
				}
				return w.shown(o.OrderID, loser.OrderID, revoked.OrderID), calls
			}
			want, calls := end()
			for n := 1; n <= calls; n++ {
				for _, fault := range []world.Fault{world.Fails(world.Any).Nth(n), world.LosesAnswer(world.Any).Nth(n)} {
					if got, _ := end(fault); got != want {
						t.Errorf("%s, wiped %v, %s of %d: Redis shows %q, want %q", status, wiped, fault, calls, got, want)
					}
				}
			}
		}
	}
}

// shown is what Redis shows of each place: ".", or h or s for held or sold, with the order's index in ids.
func (w fixture) shown(ids ...contracts.OrderID) (text string) {
	entries := w.Holds.Inspect(group).Entries
	for p := range 6 {
		entry := entries[p]
		switch entry.State {
		case seatstate.Held:
			text += fmt.Sprint("h", slices.Index(ids, entry.Order), " ")
		case seatstate.Sold:
			text += fmt.Sprint("s", slices.Index(ids, entry.Order), " ")
		default:
			text += ". "
		}
	}
	return text
}
