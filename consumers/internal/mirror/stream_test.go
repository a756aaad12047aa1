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
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// troubles are the ways in which a group cannot be reached, and how each ends.
var troubles = map[string]struct{ begin, end func(w fixture) }{
	"no answer": {
		func(w fixture) { w.Down(world.ErrDown, world.RedisCalls...) },
		func(w fixture) { w.Heal() },
	},
	"the breaker is open": {
		func(w fixture) {
			w.Down(&retry.BreakerOpenError{Name: "redis", After: 5 * time.Second}, world.RedisCalls...)
		},
		func(w fixture) { w.Heal() },
	},
	"not loaded": {
		func(w fixture) { w.Holds.Wipe(group) },
		func(fixture) {},
	},
	"not loaded, and another loader has the lock": {
		func(w fixture) {
			w.Holds.Wipe(group)
			if locked, err := w.Holds.Lock(context.Background(), group, 1000, time.Second); !locked || err != nil {
				panic(err)
			}
		},
		func(w fixture) { w.Advance(1001 * time.Millisecond) },
	},
}

// A row whose group cannot be reached waits in the group's own queue, where it is returned until the group can be reached;
// the stream goes on.
func TestAGroupThatCannotBeReachedHoldsUpOnlyItself(t *testing.T) {
	for name, trouble := range troubles {
		for _, status := range contracts.Statuses()[1:] {
			t.Run(name+", "+string(status), func(t *testing.T) {
				w := newFixture(t)
				o := w.put(t, status, "A-1", "A-3")
				ask := holds.Ask{Order: o.OrderID, Hash: o.RequestHash, Places: []int{0, 2}}
				if _, err := holdtest.Hold(t.Context(), w.Holds, v1(group), ask); err != nil {
					t.Fatal(err)
				}
				trouble.begin(w)
				w.mirror(t, o.OrderID)
				w.WantSent(t, message.KindMirrorOrder)
				w.WantAlarm(t, false)
				waits := w.Sent()[0]
				if waits.Group != group.Key() || waits.Queue != message.QueueOrders {
					t.Fatalf("MirrorOrder was sent to group %s of %s", waits.Group, waits.Queue)
				}
				if m := world.SentMessage[message.MirrorOrder](t, w.World, 0); m.RowVersion != 2 || m.OrderID != o.OrderID {
					t.Errorf("MirrorOrder of %s at version %d, want %s at 2", m.OrderID, m.RowVersion, o.OrderID)
				}
				if name != "not loaded" {
					world.WantRetryable(t, w.handleMessage(t, waits))
				}
				trouble.end(w)
				for range 2 { // the message may be delivered twice
					world.WantDone(t, w.handleMessage(t, waits))
					w.WantPlaces(t, group, shownFor(o)...)
				}
			})
		}
	}
}

// The stream never loads a group: all others would wait for that.
func TestTheStreamLoadsNoGroup(t *testing.T) {
	w := newFixture(t)
	open, paid := w.put(t, contracts.Held, "A-1"), w.put(t, contracts.Confirmed, "A-2")
	w.Holds.Wipe(group)
	w.mirror(t, paid.OrderID)
	if err := w.Holds.Loaded(t.Context(), v1(group)); !errors.Is(err, holds.ErrNotLoaded) {
		t.Errorf("the group is loaded: %v", err)
	}
	world.WantDone(t, w.handleMessage(t, w.waiting()[0]))
	w.WantPlaces(t, group, held(open), sold(paid))
}

// A row that waits in its group's queue is applied as it is when the message is handled, not as it was.
func TestAMirrorOrderGoesByThePresentRow(t *testing.T) {
	w := newFixture(t)
	o := w.put(t, contracts.AwaitingPayment, "A-1")
	w.Down(world.ErrDown, world.RedisCalls...)
	w.mirror(t, o.OrderID)
	waits := w.waiting()[0]
	w.Heal()
	w.become(t, o.OrderID, contracts.Committed)
	world.WantDone(t, w.handleMessage(t, waits))
	w.WantPlaces(t, group, sold(o))
	w.recorded(t, o.OrderID, 3)
	w.become(t, o.OrderID, contracts.Revoked)
	w.mirror(t, o.OrderID)
	world.WantDone(t, w.handleMessage(t, waits)) // redelivered after the sale was taken back
	w.WantPlaces(t, group)
}

// Only messages that cannot be sent make the batch be redelivered, from the first order that they are about.
func TestAFailedSendRedeliversTheRecords(t *testing.T) {
	w := newFixture(t)
	first, second := w.put(t, contracts.Held, "A-1"), w.put(t, contracts.Held, "A-2")
	w.Down(world.ErrDown, world.RedisCalls...)
	w.Inject(world.Fails(world.Send))
	if done, err := w.handle(t, ordertest.NewID(), first.OrderID, second.OrderID); done != 1 || !errors.Is(err, world.ErrDown) || len(w.Sent()) > 0 {
		t.Errorf("%d done, %v, sent %v", done, err, w.SentKinds())
	}
	w.mirror(t, first.OrderID, second.OrderID)
	w.WantSent(t, message.KindMirrorOrder, message.KindMirrorOrder)
	// An order that a sale displaced is sent its SettleOrder before the record is done.
	w = newFixture(t)
	loser := w.put(t, contracts.Held, "A-1")
	w.mirror(t, loser.OrderID)
	winner := w.put(t, contracts.Committed, "A-1")
	w.Inject(world.Fails(world.Send))
	if done, err := w.handle(t, winner.OrderID); done != 0 || err == nil || len(w.Sent()) > 0 {
		t.Errorf("%d done, %v, sent %v", done, err, w.SentKinds())
	}
}

// A broken invariant is an alarm and a dead letter of the group's queue, which goes on.
func TestAMirrorOrderThatCannotBeCured(t *testing.T) {
	w := newFixture(t)
	o := w.put(t, contracts.Held, "A-1")
	w.Down(world.ErrDown, world.RedisCalls...)
	w.mirror(t, o.OrderID)
	w.Heal()
	if _, err := w.Holds.Release(t.Context(), v1(group), o.OrderID, 9); err != nil {
		t.Fatal(err)
	}
	world.WantOutcome(t, w.handleMessage(t, w.waiting()[0]), retry.ClassPoison, "redis_ahead")
	w.WantAlarm(t, true)
	w = newFixture(t)
	gone := message.MirrorOrder{OrderID: ordertest.NewID(), ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}
	world.WantOutcome(t, w.handler().HandleMessage(t.Context(), gone), retry.ClassRefused, "no_row")
	w.WantAlarm(t, false)
	w.Inject(world.Fails(world.Read))
	world.WantRetryable(t, w.handler().HandleMessage(t.Context(), gone))
}

// slowShard fails for one group only after a time, as a shard that is down.
type slowShard struct {
	world.Groups
	dead contracts.SeatGroup
	// timeout is how long a call takes to fail.
	timeout time.Duration
}

func (s slowShard) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	if g.SeatGroup != s.dead {
		return s.Groups.Keep(ctx, g, k)
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(s.timeout):
		return "", world.ErrDown
	}
}

// A shard that is down must not use up the invocation's time of the others: their orders of the same batch are applied, and
// the MirrorOrders of those that wait are sent in time. Its calls take half a second each, or hang until the context ends.
func TestAShardThatIsDownTakesNoTimeOfTheOthers(t *testing.T) {
	for _, test := range []struct {
		name    string
		down    int
		timeout time.Duration
	}{{"calls that time out", 40, 500 * time.Millisecond}, {"calls that hang", 12, time.Hour}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t)
				w.UseRealTime()
				now := w.Instant()
				dead := contracts.SeatGroup{ConcertID: group.ConcertID, Group: "dead"}
				var ids []contracts.OrderID
				var alive []world.Place
				for i := range test.down + 6 {
					g, seat := dead, "A-1"
					if i%2 == 1 && len(alive) < 6 {
						g, seat = group, fmt.Sprint("A-", len(alive)+1)
					}
					o := ordertest.HeldOrder(ordertest.Placed(g, seat))
					o.HeldAt, o.HoldExpiresAt = now, now.Add(5*time.Minute)
					ordertest.Put(t, w.Rows, o)
					ids = append(ids, o.OrderID)
					if g == group {
						alive = append(alive, held(o))
					}
				}
				m := w.handler()
				m.Seats = slowShard{w.Groups(), dead, test.timeout}
				const budget = 4500 * time.Millisecond
				ctx, cancel := context.WithTimeout(t.Context(), budget)
				defer cancel()
				begun := time.Now()
				done, err := mirror.NewStream(m).Handle(ctx, hintsOf(ids))
				if took := time.Since(begun); done != len(ids) || err != nil || took > budget-900*time.Millisecond {
					t.Errorf("%d of %d done, %v, in %s of %s", done, len(ids), err, took, budget)
				}
				w.WantPlaces(t, group, alive...)
				if n := len(w.waiting()); n != test.down {
					t.Errorf("%d orders wait, want %d", n, test.down)
				}
			})
		})
	}
}
