package mirror_test

import (
	"slices"
	"strings"
	"testing"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
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
	if err := w.rows.Update(t.Context(), row, after); err != nil {
		t.Fatalf("%s becomes %s: %v", id, to, err)
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
	if _, err := w.store.Sell(t.Context(), v1(group), "e1nobody", []int{0}, 7); err != nil {
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
		if _, err := w.store.Release(t.Context(), v1(group), o.OrderID, 9); err != nil {
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
				if _, err := w.store.Sell(t.Context(), v1(group), revoked.OrderID, []int{3}, 1); err != nil {
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
