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

// loadCrashPoints are the points between two steps of a load; each pair is for one group that Redis lost, as two kills may meet
// one message. A killed loader leaves only its lock, which expires.
var loadCrashPoints = [][]kill{
	{after("reserve", "redis", "set"), before("reserve", "redis", "script load")},
	{before("reserve", "dynamodb", "UpdateItem"), after("reserve", "redis", "script load")},
	{after("reserve", "dynamodb", "UpdateItem"), before("reserve", "dynamodb", "Query")},
	{before("reserve", "redis", "set"), after("reserve", "dynamodb", "Query")},
}

// loadsLast is the number of rounds at the end that only the long form runs: each waits for a dead loader's lock to expire.
const loadsLast = 2

// reserve is killed while it loads a group that Redis lost, and reconcile at each step that has an effect: it drains a letter,
// repeats a step, repairs a group. Holds stay, and nothing is lost.
func TestCrashesDuringLoadAndReconcile(t *testing.T) {
	runInParallel(t, 95*time.Second)
	s := newStack(t, settings{hold: 40, visibility: 3 * time.Second, calls: []string{"dynamodb", "sqs"}, commands: true})
	events := s.SubscribeFor(t)
	k, l, hall := newKiller(s), &ledger{}, s.groupsOf(s.Concert)
	rounds := loadCrashPoints
	if !long() {
		rounds = rounds[:len(rounds)-loadsLast]
	}
	wanted := 0
	begun := time.Now()
	for i, kills := range rounds {
		g := contracts.SeatGroup{ConcertID: s.Concert, Group: hall[i].Group}
		before := s.mustPlace(l, hall[i].Seats[:2]...)
		s.waitAwaitingPayment(before)
		s.waitHandled(events, decideWithin, before)
		s.loseGroup(g)
		k.aim(g.Key(), kills...)
		next := s.mustPlace(l, hall[i].Seats[2:4]...)
		eventually(t, decideWithin, func() error { return k.checkHappened(g.Key()) })
		s.waitForRow(next, decideWithin, hasStatus(contracts.Held))
		s.waitHandled(events, decideWithin, before, next)
		eventually(t, decideWithin, func() error { return s.checkRule("places") })
		wanted += len(kills)
	}
	loaded := time.Since(begun)
	wanted += s.killReconcile(k, l, events, hall[len(loadCrashPoints)].Seats[:2])
	s.waitAtRest(l, events, s.HoldFor+decideWithin, "dead letter")
	if total := s.checkCrashes(k); total != wanted {
		t.Errorf("%d kills, want %d", total, wanted)
	}
	report(t, "reserve killed %d times while it loaded groups that Redis had lost, in %s, and reconcile %d times, before and after each call that drains a letter, repeats a step or repairs a group: seats match rows, the letter kept once, its order REJECTED(internal)",
		2*len(rounds), loaded.Round(time.Second), wanted-2*len(rounds))
}

// loseGroup deletes a whole group from Redis, as when a shard restarts empty.
func (s *stack) loseGroup(g contracts.SeatGroup) {
	s.t.Helper()
	if err := s.Redis.Del(s.t.Context(), seatstate.KeysOf(g).All()...).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// killReconcile kills reconcile before and after each of its calls that have an effect, and returns the number of kills. It
// starts runs of reconcile itself, in addition to those of the schedule.
func (s *stack) killReconcile(k *killer, l *ledger, events *testbed.Subscription, seats []string) (kills int) {
	s.t.Helper()
	s.setVisibility(2*time.Second, "orders-dead")
	id := s.mustPlace(l, seats...)
	s.waitAwaitingPayment(id)
	s.waitHandled(events, decideWithin, id)
	aim := func(mentioned, service, operation string) {
		k.aim(mentioned, before("reconcile", service, operation), after("reconcile", service, operation))
		kills += 2
	}
	aim(string(id), "sqs", "SendMessageBatch") // each run sends a step for an order that awaits its payment
	s.runReconcile(k, string(id))
	for _, repair := range []kill{before("reconcile", "redis", "script repair"), after("reconcile", "redis", "script repair")} {
		s.loseHold(id)
		k.aim(string(id), repair)
		kills++
		s.runReconcile(k, string(id))
	}
	dead := contracts.OrderID("e1" + fmt.Sprintf("%030d", time.Now().UnixNano()))
	aim(string(dead), "dynamodb", "PutItem") // its row, or the letter if the row exists
	aim(s.Queue("orders-dead"), "sqs", "DeleteMessage")
	letter := s.sendUnreadableLetter(dead)
	aim(readmodel.DrainedKey(letter), "dynamodb", "PutItem")
	s.runReconcile(k, string(dead), readmodel.DrainedKey(letter), s.Queue("orders-dead"))
	eventually(s.t, 2*decideWithin, func() error {
		var report any
		if err := s.Invoke(s.t.Context(), "reconcile", &report); err != nil {
			return err
		}
		return errors.Join(s.checkEmpty("orders-dead"), s.checkRule("places"))
	})
	row := s.waitForRow(dead, decideWithin, hasStatus(contracts.Rejected))
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

// runReconcile runs reconcile until all kills at calls that mention these texts have happened; runs of the schedule count too.
func (s *stack) runReconcile(k *killer, mentioned ...string) {
	s.t.Helper()
	eventually(s.t, 2*decideWithin, func() error {
		if k.checkHappened(mentioned...) == nil {
			return nil
		}
		var report any
		_ = s.Invoke(s.t.Context(), "reconcile", &report) // this run is killed
		return k.checkHappened(mentioned...)
	})
}

// sendUnreadableLetter puts a malformed PlaceOrder into the dead-letter queue of orders, as SQS does after too many receives.
func (s *stack) sendUnreadableLetter(id contracts.OrderID) (messageID string) {
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

// loseHold deletes an order's hold from its group in Redis, as a failover to a lagging replica does. It increases the revision,
// so that a reconcile that has already compared the group compares it again.
func (s *stack) loseHold(id contracts.OrderID) {
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
