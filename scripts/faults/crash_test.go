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

// crashes are the points between two steps, as consumers/README.md has them. In each round one order waits for the end of
// its hold, and another is given up. A message meets one kill, and at most one more beside it: three are poison. That a call
// comes at all is part of the test.
var crashes = []struct {
	// placed and expired are on the way of the order that waits, givenUp on that of the other one after its first version.
	placed, expired, givenUp []kill
}{
	{
		placed:  []kill{before("reserve", "redis", "script"), before("mirror", "dynamodb", "GetItem")},
		expired: []kill{before("expire", "dynamodb", "GetItem")},
		givenUp: []kill{before("reserve", "dynamodb", "GetItem"), before("mirror", "dynamodb", "GetItem")},
	}, {
		placed:  []kill{after("reserve", "redis", "script"), after("mirror", "dynamodb", "GetItem")},
		expired: []kill{after("expire", "dynamodb", "GetItem")},
		givenUp: []kill{after("reserve", "dynamodb", "GetItem"), after("mirror", "dynamodb", "GetItem")},
	}, {
		placed:  []kill{before("reserve", "dynamodb", "TransactWriteItems"), before("mirror", "redis", "script")},
		expired: []kill{before("expire", "dynamodb", "TransactWriteItems")},
		givenUp: []kill{before("reserve", "dynamodb", "TransactWriteItems"), before("mirror", "redis", "script")},
	}, {
		placed:  []kill{after("reserve", "dynamodb", "TransactWriteItems"), after("mirror", "redis", "script")},
		expired: []kill{after("expire", "dynamodb", "TransactWriteItems")},
		givenUp: []kill{after("reserve", "dynamodb", "TransactWriteItems"), after("mirror", "redis", "script")},
	}, {
		placed:  []kill{before("reserve", "sqs", "SendMessageBatch"), before("publish", "events", "PutEvents")},
		expired: []kill{before("expire", "redis", "script")},
		givenUp: []kill{before("reserve", "redis", "script"), before("publish", "events", "PutEvents")},
	}, {
		// Nothing is called between the send and the acknowledgement: to die after the one is to die before the other.
		placed:  []kill{after("reserve", "sqs", "SendMessageBatch"), after("publish", "events", "PutEvents")},
		expired: []kill{after("expire", "redis", "script")},
		givenUp: []kill{after("reserve", "redis", "script"), after("publish", "events", "PutEvents")},
	},
	// What expire sends is the void.
	{expired: []kill{before("expire", "sqs", "SendMessageBatch")}},
	{expired: []kill{after("expire", "sqs", "SendMessageBatch")}},
}

// A function is killed between each two of its steps. Each order is decided all the same, then settles, its seats are
// free at the end, each version is an event, and nothing is left of the attempts that never came back.
func TestCrashBetweenEachTwoSteps(t *testing.T) {
	sideBySide(t, 100*time.Second)
	// Messages come back after 3 s, of which there are many to wait for. Functions have to be as quick, so the stack takes two
	// shares.
	s := newStack(t, settings{hold: 15, timeout: 2, comesBack: 3 * time.Second, busy: true, calls: []string{"dynamodb", "sqs", "events"}, commands: true})
	events := s.SubscribeFor(t)
	k, l := newKiller(s), &ledger{}
	hall, arena := s.groupsOf(s.Concert), s.groupsOf(s.Arena)
	var waiting []contracts.OrderID
	var slowest time.Duration
	begun := time.Now()
	for i, c := range crashes {
		var other contracts.OrderID
		var buyer *apiclient.Client
		if len(c.givenUp) > 0 {
			buyer, other = s.acceptedAs(l, testbed.Named("buyer"), s.Arena, arena[i].Seats[:2])
			s.row(other, decideWithin, in(contracts.Held))
			s.handled(events, decideWithin, other)
		}
		user := testbed.Named("buyer")
		k.aim(user, c.placed...)
		round := time.Now()
		_, id := s.acceptedAs(l, user, s.Concert, hall[i].Seats[:2])
		if other != "" {
			k.aim(string(other), c.givenUp...)
			answer, err := buyer.Do(t.Context(), http.MethodDelete, "/orders/"+string(other), nil, nil)
			if err != nil || answer.Status != http.StatusAccepted {
				t.Fatalf("DELETE answers %d %s, %v", answer.Status, answer.Body, err)
			}
			eventually(t, decideWithin, func() error { return k.spent(string(other)) })
			s.row(other, decideWithin, in(contracts.Cancelled))
		}
		eventually(t, decideWithin, func() error { return k.spent(string(id)) })
		s.row(id, decideWithin, in(contracts.Held))
		s.handled(events, decideWithin, id, other)
		slowest = max(slowest, time.Since(round))
		k.aim(string(id), c.expired...)
		waiting = append(waiting, id)
	}
	for _, id := range waiting {
		eventually(t, decideWithin, func() error { return k.spent(string(id)) })
		s.row(id, decideWithin, in(contracts.Expired))
	}
	s.atRest(l, events, decideWithin)

	total, wanted := s.crashesAre(k), 0
	for _, c := range crashes {
		wanted += len(c.placed) + len(c.expired) + len(c.givenUp)
	}
	if total != wanted {
		t.Errorf("%d kills, want %d", total, wanted)
	}
	_, again := events.Published()
	report(t, "%d kills, one at each point before and after each call of reserve, expire, mirror and publish: %d orders all ended as they should, the slowest decided and handled %s after its order, %d events came twice; %s in all",
		total, len(l.ids()), slowest.Round(100*time.Millisecond), again, time.Since(begun).Round(time.Second))
}

// crashesAre compares the crashes that the host saw with the kills, and answers how many there were.
func (s *stack) crashesAre(k *killer) (total int) {
	s.t.Helper()
	functions, err := s.Functions(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range functions {
		n, left := k.happened(f.Name)
		if f.Crashes != n || len(left) > 0 {
			s.t.Errorf("%s was killed %d times and crashed %d times; still to come: %v", f.Name, n, f.Crashes, left)
		}
		total += n
	}
	return total
}

// handled waits until nothing is under way for these orders: orders.fifo is empty, Redis knows their rows and each version
// was published. "" is no order.
func (s *stack) handled(events *testbed.Subscription, within time.Duration, ids ...contracts.OrderID) {
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
			if err := s.mirrored(row); err != nil {
				return err
			}
			if version := invariants.Version(id, row.Version); events.Seen(version) == "" {
				return fmt.Errorf("version %s was not published", version)
			}
		}
		return nil
	})
}

// mirrored says whether Redis knows an order's version.
func (s *stack) mirrored(row readmodel.Order) error {
	known, err := s.Redis.HGet(s.t.Context(), seatstate.KeysOf(row.SeatGroup()).Orders, string(row.OrderID)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	record, err := seatstate.ParseRecord(known)
	if err != nil || record.Version != row.Version {
		return fmt.Errorf("order %s is at version %d, Redis knows %q", row.OrderID, row.Version, known)
	}
	return nil
}
