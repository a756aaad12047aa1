package sqsbatch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memattempts"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// standardRecord is a record of a standard queue: it has neither a group nor a sequence number.
func standardRecord(id string, receives int) events.SQSMessage {
	return events.SQSMessage{MessageId: id, ReceiptHandle: "receipt-" + id, Body: id, Attributes: map[string]string{"ApproximateReceiveCount": fmt.Sprint(receives)}}
}

// returns notes which messages were returned with which delay.
type returns struct {
	mu     sync.Mutex
	delays map[string]time.Duration
}

func (r *returns) ReturnAfter(_ context.Context, receipts []sqsbatch.Receipt, d time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, receipt := range receipts {
		r.delays[receipt.MessageID] = d
	}
	return nil
}

// The messages of a standard queue are handled each for itself: one that fails holds no other one up, each is returned with the
// delay of its own error, and poison is buried.
func TestMessagesOfAStandardQueueStandAlone(t *testing.T) {
	queue := &returns{delays: map[string]time.Duration{}}
	var buried []string
	b := sqsbatch.New(func(_ context.Context, d message.Delivery) error {
		switch d.MessageID {
		case "m2":
			return retry.WithDelay(7*time.Second, errors.New("later"))
		case "m3":
			return retry.Poison("bad", nil)
		case "m5":
			panic("m5")
		case "m6":
			return retry.WithDelay(9*time.Second, errors.New("later"))
		}
		return nil
	}, queue, func(_ context.Context, d message.Delivery, reason string) error {
		buried = append(buried, d.MessageID+" "+reason)
		return nil
	}, sqsbatch.Options{Standard: true, Attempts: &memattempts.Notes{}})
	response, err := b.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		standardRecord("m1", 1), standardRecord("m2", 1), standardRecord("m3", 1), standardRecord("m4", 1), standardRecord("m5", 1), standardRecord("m6", 2), standardRecord("m7", 2),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := returnedIDs(response); !slices.Equal(got, []string{"m2", "m5", "m6"}) || !slices.Equal(buried, []string{"m3 bad"}) {
		t.Errorf("returned %v, buried %v", got, buried)
	}
	if queue.delays["m2"] != 7*time.Second || queue.delays["m6"] != 9*time.Second {
		t.Errorf("delays %v", queue.delays)
	}
}

func returnedIDs(response events.SQSEventResponse) []string {
	var ids []string
	for _, f := range response.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

// First receives are handled concurrently; messages that were received before follow one at a time, the least received first.
func TestRedeliveredMessagesOfAStandardQueueAreHandledInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, mostLater atomic.Int64
		var mu sync.Mutex
		var later []string
		b := sqsbatch.New(func(_ context.Context, d message.Delivery) error {
			n := running.Add(1)
			defer running.Add(-1)
			if d.ReceiveCount == 1 {
				most.Store(max(most.Load(), n))
			} else {
				mostLater.Store(max(mostLater.Load(), n))
				mu.Lock()
				later = append(later, d.MessageID)
				mu.Unlock()
			}
			time.Sleep(time.Second)
			return nil
		}, &returns{delays: map[string]time.Duration{}}, nil, sqsbatch.Options{Standard: true, Attempts: &memattempts.Notes{}})
		if _, err := b.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
			standardRecord("a", 5), standardRecord("b", 1), standardRecord("c", 2), standardRecord("d", 1), standardRecord("e", 1),
		}}); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 3 || mostLater.Load() != 1 || !slices.Equal(later, []string{"c", "a"}) {
			t.Errorf("%d at once, then %d at once: %v", most.Load(), mostLater.Load(), later)
		}
	})
}

// One message of a standard queue kills its function each time. It is buried after at most four crashes, however the messages are
// batched, and no healthy message is: after a crash other messages stand beside it each time.
func TestOnlyTheMessageThatKillsIsBuriedInAStandardQueue(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test is to be repeatable
		attempts := &memattempts.Notes{}
		receives := map[string]int{}
		waiting := []string{"killer"}
		for i := range 25 {
			waiting = append(waiting, fmt.Sprintf("m%d", i))
		}
		handled := map[string]bool{}
		crashes := 0
		now := time.Unix(1_800_000_000, 0)
		for round := 0; len(waiting) > 0; round++ {
			if round > 100 {
				t.Fatalf("seed %d: %v still wait", seed, waiting)
			}
			random.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
			batch := slices.Clone(waiting[:min(len(waiting), 1+random.IntN(10))])
			var records []events.SQSMessage
			for _, id := range batch {
				receives[id]++
				records = append(records, standardRecord(id, receives[id]))
			}
			crashed := make(chan struct{})
			frozen := make(chan struct{})
			at := now // a process that is gone reads it later
			b := sqsbatch.New(func(_ context.Context, d message.Delivery) error {
				if d.MessageID == "killer" {
					close(crashed)
					<-frozen // the process is gone: nothing of it happens any more
				}
				select {
				case <-crashed:
					<-frozen
				case <-time.After(500 * time.Microsecond): // a handler takes its time, in which another message can kill the process
				}
				return nil
			}, &returns{delays: map[string]time.Duration{}}, func(_ context.Context, d message.Delivery, _ string) error {
				if d.MessageID != "killer" {
					t.Errorf("seed %d: %s was buried", seed, d.MessageID)
				}
				return nil
			}, sqsbatch.Options{Standard: true, Attempts: attempts, Now: func() time.Time { return at }})
			done := make(chan events.SQSEventResponse, 1)
			go func() {
				response, _ := b.Handle(context.Background(), events.SQSEvent{Records: records})
				done <- response
			}()
			select {
			case <-crashed:
				crashes++
			case response := <-done:
				returned := returnedIDs(response)
				waiting = slices.DeleteFunc(waiting, func(id string) bool {
					if !slices.Contains(batch, id) || slices.Contains(returned, id) {
						return false
					}
					handled[id] = true
					return true
				})
			}
			now = now.Add(time.Minute)
			defer close(frozen)
		}
		if crashes > 4 || len(handled) != 26 {
			t.Errorf("seed %d: %d crashes, %d handled", seed, crashes, len(handled))
		}
	}
}
