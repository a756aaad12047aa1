package faults

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/testbed"
)

// loadCrashes are the points between two steps of a load, each pair for a group that Redis lost: two kills may meet one message.
// What a killed loader leaves is its lock, which ends by itself.
var loadCrashes = [][]kill{
	{after("reserve", "redis", "set"), before("reserve", "redis", "script load")},
	{before("reserve", "dynamodb", "UpdateItem"), after("reserve", "redis", "script load")},
	{after("reserve", "dynamodb", "UpdateItem"), before("reserve", "dynamodb", "Query")},
	{before("reserve", "redis", "set"), after("reserve", "dynamodb", "Query")},
}

// loadsLast are the rounds at the end that are left to the long form: each waits for the lock of a loader that is dead.
const loadsLast = 2

// Reserve is killed while it loads a group that Redis lost, and reconcile at each of its steps that leave something behind: a
// letter that is drained, a step that is sent again, a group that is repaired. What was held stays held, and nothing is lost.
func TestCrashesOfALoadAndOfReconcile(t *testing.T) {
	sideBySide(t, 95*time.Second)
	s := newStack(t, settings{hold: 40, comesBack: 3 * time.Second, calls: []string{"dynamodb", "sqs"}, commands: true})
	events := s.SubscribeFor(t)
	k, l, hall := newKiller(s), &ledger{}, s.groupsOf(s.Concert)
	rounds := loadCrashes
	if !long() {
		rounds = rounds[:len(rounds)-loadsLast]
	}
	wanted := 0
	begun := time.Now()
	for i, kills := range rounds {
		g := contracts.SeatGroup{ConcertID: s.Concert, Group: hall[i].Group}
		before := s.accepted(l, hall[i].Seats[:2]...)
		s.awaiting(before)
		s.handled(events, decideWithin, before)
		s.lose(g)
		k.aim(g.Key(), kills...)
		next := s.accepted(l, hall[i].Seats[2:4]...)
		eventually(t, decideWithin, func() error { return k.spent(g.Key()) })
		s.row(next, decideWithin, in(contracts.Held))
		s.handled(events, decideWithin, before, next)
		eventually(t, decideWithin, func() error { return s.against("places") })
		wanted += len(kills)
	}
	loaded := time.Since(begun)
	wanted += s.reconcileIsKilled(k, l, events, hall[len(loadCrashes)].Seats[:2])
	s.atRest(l, events, s.HoldFor+decideWithin, "dead letter")
	if total := s.crashesAre(k); total != wanted {
		t.Errorf("%d kills, want %d", total, wanted)
	}
	report(t, "reserve killed %d times while it loaded groups that Redis had lost, in %s, and reconcile %d times, before and after each call that drains a letter, sends a step again or repairs a group: seats as rows, the letter kept once, its order REJECTED(internal)",
		2*len(rounds), loaded.Round(time.Second), wanted-2*len(rounds))
}

// lose takes a whole group out of Redis, as a shard does that comes back empty.
func (s *stack) lose(g contracts.SeatGroup) {
	s.t.Helper()
	if err := s.Redis.Del(s.t.Context(), seatstate.KeysOf(g).All()...).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// reconcileIsKilled kills reconcile before and after each of its calls that leave something behind, and answers how many kills
// those were. Its runs are begun here, beside those of its schedule.
func (s *stack) reconcileIsKilled(k *killer, l *ledger, events *testbed.Subscription, seats []string) (kills int) {
	s.t.Helper()
	s.comesBackAfter(2*time.Second, "orders-dead")
	id := s.accepted(l, seats...)
	s.awaiting(id)
	s.handled(events, decideWithin, id)
	aim := func(mentioned, service, operation string) {
		k.aim(mentioned, before("reconcile", service, operation), after("reconcile", service, operation))
		kills += 2
	}
	aim(string(id), "sqs", "SendMessageBatch") // each run looks at an order that awaits its payment
	s.reconcile(k, string(id))
	for _, repair := range []kill{before("reconcile", "redis", "script repair"), after("reconcile", "redis", "script repair")} {
		s.forget(id)
		k.aim(string(id), repair)
		kills++
		s.reconcile(k, string(id))
	}
	dead := contracts.OrderID("e1" + fmt.Sprintf("%030d", time.Now().UnixNano()))
	aim(string(dead), "dynamodb", "PutItem") // its row, or where that is there the letter
	aim(s.Queue("orders-dead"), "sqs", "DeleteMessage")
	letter := s.letter(dead)
	aim(readmodel.DrainedKey(letter), "dynamodb", "PutItem")
	s.reconcile(k, string(dead), readmodel.DrainedKey(letter), s.Queue("orders-dead"))
	eventually(s.t, 2*decideWithin, func() error {
		var report any
		if err := s.Invoke(s.t.Context(), "reconcile", &report); err != nil {
			return err
		}
		return errors.Join(s.empty("orders-dead"), s.against("places"))
	})
	row := s.row(dead, decideWithin, in(contracts.Rejected))
	letters, err := s.DeadLetters(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	kept := 0
	for _, one := range letters {
		if one.MessageKey == readmodel.DrainedKey(letter) {
			kept++
		}
	}
	if kept != 1 || row.Reason == nil || row.Reason.Code != contracts.ReasonInternal {
		s.t.Errorf("the letter is kept %d times, its order is %s for %+v", kept, row.Status, row.Reason)
	}
	return kills
}

// reconcile runs reconcile until all kills at calls that mention these have happened, also by a run of the schedule.
func (s *stack) reconcile(k *killer, mentioned ...string) {
	s.t.Helper()
	eventually(s.t, 2*decideWithin, func() error {
		if k.spent(mentioned...) == nil {
			return nil
		}
		var report any
		_ = s.Invoke(s.t.Context(), "reconcile", &report) // it is killed
		return k.spent(mentioned...)
	})
}

// letter puts a PlaceOrder that nobody can read into the dead letters of orders, as SQS does after too many receives.
func (s *stack) letter(id contracts.OrderID) (messageID string) {
	s.t.Helper()
	g := s.groupsOf(s.Concert)[0].Group
	attributes := map[string]types.MessageAttributeValue{}
	for name, value := range (message.Attributes{Kind: message.KindPlaceOrder, OrderID: id, UserID: testbed.Named("buyer"), ConcertID: s.Concert, Group: g}).Map() {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	out, err := s.Queues.SendMessage(s.t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(s.Queue("orders-dead")), MessageBody: aws.String("no JSON"), MessageAttributes: attributes,
		MessageGroupId: aws.String(contracts.SeatGroup{ConcertID: s.Concert, Group: g}.Key()), MessageDeduplicationId: aws.String(string(id)),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return aws.ToString(out.MessageId)
}

// forget takes an order's hold out of its group in Redis, as a failover to a lagging replica does. The revision moves, so that
// a reconcile that compared the group before compares it again.
func (s *stack) forget(id contracts.OrderID) {
	s.t.Helper()
	ctx := s.t.Context()
	row, _, err := s.Order(ctx, id)
	if err != nil {
		s.t.Fatal(err)
	}
	keys := seatstate.KeysOf(row.SeatGroup())
	revision, err := s.Redis.Get(ctx, keys.Rev).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	was, err := seatstate.ParseRevision(revision)
	if err != nil {
		s.t.Fatal(err)
	}
	was.Rev++
	pipe := s.Redis.TxPipeline()
	pipe.Set(ctx, keys.Rev, was.String(), 0)
	pipe.HDel(ctx, keys.Orders, string(id))
	pipe.ZRem(ctx, keys.Lapses, string(id))
	for _, g := range s.groupsOf(row.ConcertID) {
		for place, seat := range g.Seats {
			if g.Group == row.Group && slices.Contains(row.Seats, seat) {
				pipe.HDel(ctx, keys.Seats, fmt.Sprint(place))
				pipe.BitField(ctx, keys.Map, "SET", "u2", fmt.Sprint("#", place), 0)
			}
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		s.t.Fatal(err)
	}
}
