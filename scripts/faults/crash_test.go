package faults

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/invariants"
	"boxoffice/scripts/internal/testbed"
)

// crashPoints are the points between two steps, as in consumers/README.md. In each round one order waits for the end of its hold,
// and another is cancelled. A message meets one kill, or two with that of a neighbouring order: three would be poison. The test
// also fails if one of the calls is never made.
var crashPoints = []struct {
	// placed and expired apply to the order that waits, cancelled to the other one after its first version.
	placed, expired, cancelled []kill
}{
	{
		placed:    []kill{before("reserve", "redis", "script"), before("mirror", "dynamodb", "GetItem")},
		expired:   []kill{before("expire", "dynamodb", "GetItem")},
		cancelled: []kill{before("reserve", "dynamodb", "GetItem"), before("mirror", "dynamodb", "GetItem")},
	}, {
		placed:    []kill{after("reserve", "redis", "script"), after("mirror", "dynamodb", "GetItem")},
		expired:   []kill{after("expire", "dynamodb", "GetItem")},
		cancelled: []kill{after("reserve", "dynamodb", "GetItem"), after("mirror", "dynamodb", "GetItem")},
	}, {
		placed:    []kill{before("reserve", "dynamodb", "TransactWriteItems"), before("mirror", "redis", "script")},
		expired:   []kill{before("expire", "dynamodb", "TransactWriteItems")},
		cancelled: []kill{before("reserve", "dynamodb", "TransactWriteItems"), before("mirror", "redis", "script")},
	}, {
		placed:    []kill{after("reserve", "dynamodb", "TransactWriteItems"), after("mirror", "redis", "script")},
		expired:   []kill{after("expire", "dynamodb", "TransactWriteItems")},
		cancelled: []kill{after("reserve", "dynamodb", "TransactWriteItems"), after("mirror", "redis", "script")},
	}, {
		placed:    []kill{before("reserve", "sqs", "SendMessageBatch"), before("publish", "events", "PutEvents")},
		expired:   []kill{before("expire", "redis", "script")},
		cancelled: []kill{before("reserve", "redis", "script"), before("publish", "events", "PutEvents")},
	}, {
		// Nothing is called between the send and the acknowledgement, so to die after the former is to die before the latter.
		placed:    []kill{after("reserve", "sqs", "SendMessageBatch"), after("publish", "events", "PutEvents")},
		expired:   []kill{after("expire", "redis", "script")},
		cancelled: []kill{after("reserve", "redis", "script"), after("publish", "events", "PutEvents")},
	},
	// expire sends the void.
	{expired: []kill{before("expire", "sqs", "SendMessageBatch")}},
	{expired: []kill{after("expire", "sqs", "SendMessageBatch")}},
}

// A function is killed between each two of its steps. Nevertheless each order is decided and then ends, its seats are free at the
// end, each version has an event, and no attempt record is left.
func TestCrashBetweenEachTwoSteps(t *testing.T) {
	runInParallel(t, 100*time.Second)
	// The test waits for many redeliveries, so the visibility timeout is only 3 s. Functions must be faster than that, so the
	// stack takes two shares.
	s := newStack(t, settings{hold: 15, timeout: 2, visibility: 3 * time.Second, busy: true, calls: []string{"dynamodb", "sqs", "events"}, commands: true})
	events := s.SubscribeFor(t)
	k, l := newKiller(s), &ledger{}
	hall, arena := s.groupsOf(s.Concert), s.groupsOf(s.Arena)
	var waiting []contracts.OrderID
	var slowest time.Duration
	begun := time.Now()
	for i, c := range crashPoints {
		var other contracts.OrderID
		var buyer *apiclient.Client
		if len(c.cancelled) > 0 {
			buyer, other = s.mustPlaceAs(l, testbed.Named("buyer"), s.Arena, arena[i].Seats[:2])
			s.waitForRow(other, decideWithin, hasStatus(contracts.Held))
			s.waitHandled(events, decideWithin, other)
		}
		user := testbed.Named("buyer")
		k.aim(user, c.placed...)
		round := time.Now()
		_, id := s.mustPlaceAs(l, user, s.Concert, hall[i].Seats[:2])
		if other != "" {
			k.aim(string(other), c.cancelled...)
			answer, err := buyer.Do(t.Context(), http.MethodDelete, "/orders/"+string(other), nil, nil)
			if err != nil || answer.Status != http.StatusAccepted {
				t.Fatalf("DELETE returned %d %s, %v", answer.Status, answer.Body, err)
			}
			eventually(t, decideWithin, func() error { return k.checkHappened(string(other)) })
			s.waitForRow(other, decideWithin, hasStatus(contracts.Cancelled))
		}
		eventually(t, decideWithin, func() error { return k.checkHappened(string(id)) })
		s.waitForRow(id, decideWithin, hasStatus(contracts.Held))
		s.waitHandled(events, decideWithin, id, other)
		slowest = max(slowest, time.Since(round))
		k.aim(string(id), c.expired...)
		waiting = append(waiting, id)
	}
	for _, id := range waiting {
		eventually(t, decideWithin, func() error { return k.checkHappened(string(id)) })
		s.waitForRow(id, decideWithin, hasStatus(contracts.Expired))
	}
	s.waitAtRest(l, events, decideWithin)

	total, wanted := s.checkCrashes(k), 0
	for _, c := range crashPoints {
		wanted += len(c.placed) + len(c.expired) + len(c.cancelled)
	}
	if total != wanted {
		t.Errorf("%d kills, want %d", total, wanted)
	}
	_, again := events.Published()
	report(t, "%d kills, one at each point before and after each call of reserve, expire, mirror and publish: %d orders all ended correctly, the slowest was decided and handled %s after it was placed, %d events were published twice; %s in all",
		total, len(l.ids()), slowest.Round(100*time.Millisecond), again, time.Since(begun).Round(time.Second))
}

// checkCrashes compares the crashes that the host counted with the kills, and returns their number.
func (s *stack) checkCrashes(k *killer) (total int) {
	s.t.Helper()
	functions, err := s.Functions(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range functions {
		n, left := k.kills(f.Name)
		if f.Crashes != n || len(left) > 0 {
			s.t.Errorf("%s was killed %d times and crashed %d times; still to happen: %v", f.Name, n, f.Crashes, left)
		}
		total += n
	}
	return total
}

// waitHandled waits until nothing is left to do for these orders: orders.fifo is empty, Redis has their rows and each version was
// published. An id "" is ignored.
func (s *stack) waitHandled(events *testbed.Subscription, within time.Duration, ids ...contracts.OrderID) {
	s.t.Helper()
	eventually(s.t, within, func() error {
		n, err := s.Waiting(s.t.Context(), "orders")
		if err != nil || n > 0 {
			return errors.Join(err, fmt.Errorf("%d messages in orders", n))
		}
		if err := events.Poll(s.t.Context()); err != nil {
			return err
		}
		for _, id := range ids {
			if id == "" {
				continue
			}
			row, _, err := s.Order(s.t.Context(), id)
			if err != nil {
				return err
			}
			if err := s.checkMirrored(row); err != nil {
				return err
			}
			if version := invariants.Version(id, row.Version); events.Seen(version) == "" {
				return fmt.Errorf("version %s was not published", version)
			}
		}
		return nil
	})
}

// checkMirrored returns an error unless Redis has the order's version.
func (s *stack) checkMirrored(row readmodel.Order) error {
	known, err := s.Redis.HGet(s.t.Context(), seatstate.KeysOf(row.SeatGroup()).Orders, string(row.OrderID)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	record, err := seatstate.ParseRecord(known)
	if err != nil || record.Version != row.Version {
		return fmt.Errorf("order %s is at version %d, Redis has %q", row.OrderID, row.Version, known)
	}
	return nil
}
