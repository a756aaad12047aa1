package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// troubles are the ways in which a group cannot be reached, and how each ends.
var troubles = map[string]struct{ begin, end func(w *world) }{
	"no answer": {
		func(w *world) { w.down = errBroken },
		func(w *world) { w.down = nil },
	},
	"the breaker is open": {
		func(w *world) { w.down = &retry.BreakerOpenError{Name: "redis", After: 5 * time.Second} },
		func(w *world) { w.down = nil },
	},
	"not loaded": {
		func(w *world) { w.store.Wipe(group) },
		func(*world) {},
	},
	"not loaded, and another loader has the lock": {
		func(w *world) {
			w.store.Wipe(group)
			if locked, err := w.store.Lock(context.Background(), group, 1000, time.Second); !locked || err != nil {
				panic(err)
			}
		},
		func(w *world) { w.now += 1001 },
	},
}

// A row whose group cannot be reached waits in the group's own queue, where it is returned until the group can be reached;
// the stream goes on.
func TestAGroupThatCannotBeReachedHoldsUpOnlyItself(t *testing.T) {
	for name, trouble := range troubles {
		for _, status := range contracts.Statuses()[1:] {
			t.Run(name+", "+string(status), func(t *testing.T) {
				w := newWorld(t)
				o := w.row(t, status, "A-1", "A-3")
				if _, err := holdtest.Hold(t.Context(), w.store, v1(group), holds.Ask{Order: o.OrderID, Hash: o.RequestHash, Places: []int{0, 2}}); err != nil {
					t.Fatal(err)
				}
				trouble.begin(w)
				w.mirror(t, o.OrderID)
				waits := w.waiting()
				if len(waits) != 1 || len(w.sent) != 1 || waits[0].Group != group.Key() || waits[0].Queue != message.QueueOrders || w.broken() {
					t.Fatalf("sent %+v, metrics %s", w.sent, w.metrics.String())
				}
				if m, err := message.Decode(waits[0].Body); err != nil || m.(message.MirrorOrder).RowVersion != 2 || m.(message.MirrorOrder).OrderID != o.OrderID {
					t.Errorf("sent %+v, %v", m, err)
				}
				if name != "not loaded" {
					if outcome := w.handleMessage(t, waits[0]); outcome.Class != retry.ClassRetryable {
						t.Errorf("while it lasts: %+v", outcome)
					}
				}
				trouble.end(w)
				want := ". . . . . . "
				switch {
				case status.Open():
					want = "h0 . h0 . . . "
				case status.Paid():
					want = "s0 . s0 . . . "
				}
				for range 2 { // the message may come twice
					if outcome := w.handleMessage(t, waits[0]); outcome.Class != retry.ClassDone {
						t.Errorf("afterwards: %+v", outcome)
					}
					if got := w.shown(o.OrderID); got != want {
						t.Errorf("Redis shows %q, want %q", got, want)
					}
				}
			})
		}
	}
}

// The stream never loads a group: all others would wait for that.
func TestTheStreamLoadsNoGroup(t *testing.T) {
	w := newWorld(t)
	open, paid := w.row(t, contracts.Held, "A-1"), w.row(t, contracts.Confirmed, "A-2")
	w.store.Wipe(group)
	w.mirror(t, paid.OrderID)
	if err := w.store.Loaded(t.Context(), v1(group)); !errors.Is(err, holds.ErrNotLoaded) {
		t.Errorf("the group is loaded: %v", err)
	}
	if o := w.handleMessage(t, w.waiting()[0]); o.Class != retry.ClassDone {
		t.Errorf("outcome %+v", o)
	}
	if got := w.shown(open.OrderID, paid.OrderID); got != "h0 s1 . . . . " {
		t.Errorf("Redis shows %q", got)
	}
}

// What was left to the queue is applied as the row then is, not as it was.
func TestAMirrorOrderGoesByThePresentRow(t *testing.T) {
	w := newWorld(t)
	o := w.row(t, contracts.AwaitingPayment, "A-1")
	w.down = errBroken
	w.mirror(t, o.OrderID)
	waits := w.waiting()[0]
	w.down = nil
	w.become(t, o.OrderID, contracts.Committed)
	if outcome := w.handleMessage(t, waits); outcome.Class != retry.ClassDone {
		t.Errorf("outcome %+v", outcome)
	}
	if got := w.shown(o.OrderID); got != "s0 . . . . . " || w.store.Inspect(group).Records[o.OrderID].Version != 3 {
		t.Errorf("Redis shows %q", got)
	}
	w.become(t, o.OrderID, contracts.Revoked)
	w.mirror(t, o.OrderID)
	if outcome := w.handleMessage(t, waits); outcome.Class != retry.ClassDone || w.shown(o.OrderID) != ". . . . . . " {
		t.Errorf("late: %+v, Redis shows %q", outcome, w.shown(o.OrderID))
	}
}

// Only messages that cannot be sent bring the batch again: from the first order that they are about.
func TestAFailedSendBringsTheRecordsAgain(t *testing.T) {
	w := newWorld(t)
	first, second := w.row(t, contracts.Held, "A-1"), w.row(t, contracts.Held, "A-2")
	w.down = errBroken
	w.fail["send"] = true
	if done, err := w.handle(t, ordertest.NewID(), first.OrderID, second.OrderID); done != 1 || !errors.Is(err, errBroken) || len(w.sent) > 0 {
		t.Errorf("%d done, %v, sent %v", done, err, w.sent)
	}
	w.mirror(t, first.OrderID, second.OrderID)
	if len(w.waiting()) != 2 {
		t.Errorf("sent %v", w.sent)
	}
	// Whom a sale displaced is told before the record is done with.
	w = newWorld(t)
	loser := w.row(t, contracts.Held, "A-1")
	w.mirror(t, loser.OrderID)
	winner := w.row(t, contracts.Committed, "A-1")
	w.fail["send"] = true
	if done, err := w.handle(t, winner.OrderID); done != 0 || err == nil || len(w.sent) > 0 {
		t.Errorf("%d done, %v, sent %v", done, err, w.sent)
	}
}

// A broken invariant is an alarm and a letter in the queue of the group, which goes on.
func TestAMirrorOrderThatCannotBeCured(t *testing.T) {
	w := newWorld(t)
	o := w.row(t, contracts.Held, "A-1")
	w.down = errBroken
	w.mirror(t, o.OrderID)
	w.down = nil
	if _, err := w.store.Release(t.Context(), v1(group), o.OrderID, 9); err != nil {
		t.Fatal(err)
	}
	if outcome := w.handleMessage(t, w.waiting()[0]); outcome.Class != retry.ClassPoison || outcome.Reason != "redis_ahead" || !w.broken() {
		t.Errorf("outcome %+v, metrics %s", outcome, w.metrics.String())
	}
	w = newWorld(t)
	gone := message.MirrorOrder{OrderID: ordertest.NewID(), ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}
	if outcome := retry.Classify(w.handler().HandleMessage(t.Context(), gone)); outcome.Class != retry.ClassRefused || w.broken() {
		t.Errorf("a row that is gone: %+v", outcome)
	}
	w.fail["read"] = true
	if outcome := retry.Classify(w.handler().HandleMessage(t.Context(), gone)); outcome.Class != retry.ClassRetryable {
		t.Errorf("a row that could not be read: %+v", outcome)
	}
}

// slowShard answers for one group only after its calls have timed out, as a shard does that is down.
type slowShard struct {
	*world
	dead contracts.SeatGroup
	// taken is what a call takes until it gives up.
	taken time.Duration
}

func (s slowShard) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	if g.SeatGroup != s.dead {
		return s.store.Keep(ctx, g, k)
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(s.taken):
		return "", errBroken
	}
}

// A shard that is down must not eat the invocation's time for the others: their orders of the same batch are applied, and what
// waits is sent before the time is over. Its calls take half a second each, or as long as they are let.
func TestAShardThatIsDownTakesNoTimeOfTheOthers(t *testing.T) {
	for _, test := range []struct {
		name  string
		down  int
		taken time.Duration
	}{{"calls that time out", 40, 500 * time.Millisecond}, {"calls that hang", 12, time.Hour}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.now = contracts.InstantOf(time.Now())
				dead := contracts.SeatGroup{ConcertID: group.ConcertID, Group: "dead"}
				var ids, alive []contracts.OrderID
				for i := range test.down + 6 {
					g, seat := dead, "A-1"
					if i%2 == 1 && len(alive) < 6 {
						g, seat = group, fmt.Sprint("A-", len(alive)+1)
					}
					o := ordertest.HeldOrder(ordertest.Placed(g, seat))
					o.HeldAt, o.HoldExpiresAt = w.now, w.now.Add(5*time.Minute)
					ordertest.Put(t, w.rows, o)
					ids = append(ids, o.OrderID)
					if g == group {
						alive = append(alive, o.OrderID)
					}
				}
				m := w.handler()
				m.Seats, m.Now = slowShard{w, dead, test.taken}, time.Now
				const budget = 4500 * time.Millisecond
				ctx, cancel := context.WithTimeout(t.Context(), budget)
				defer cancel()
				begun := time.Now()
				done, err := mirror.NewStream(m).Handle(ctx, hintsOf(ids))
				if took := time.Since(begun); done != len(ids) || err != nil || took > budget-900*time.Millisecond {
					t.Errorf("%d of %d done, %v, in %s of %s", done, len(ids), err, took, budget)
				}
				if got := w.shown(alive...); got != "h0 h1 h2 h3 h4 h5 " || len(w.waiting()) != test.down {
					t.Errorf("Redis shows %q, %d orders wait, want %d", got, len(w.waiting()), test.down)
				}
			})
		})
	}
}
