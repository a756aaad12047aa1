package outage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"boxoffice/consumers/internal/adapters/memrate"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memattempts"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/memory/memqueue"
	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/topology"
)

const (
	concert       = "nocturne"
	environment   = "test"
	seatsOfGroup  = 20
	limitPerBuyer = 4
)

func groupName(n int) string { return fmt.Sprintf("G%02d", n) }

func seatGroup(n int) contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: concert, Group: groupName(n)}
}

// v1 is a group in the one layout version of these tests.
func v1(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 1) }

func seatName(n int) string { return fmt.Sprintf("S-1-%d", n+1) }

func layoutOf(name string) readmodel.LayoutGroup {
	g := readmodel.LayoutGroup{Group: name, Section: "S", Kind: readmodel.KindSeats, Price: contracts.Money{Minor: 4500, Currency: "EUR"}}
	for n := range seatsOfGroup {
		g.Seats = append(g.Seats, seatName(n))
	}
	g.Rows = []readmodel.LayoutRow{{Name: "1", Seats: g.Seats}}
	return g
}

// world has everything except the processes: stores, queues, Stripe, buyers, and what the test has counted.
type world struct {
	t                            *testing.T
	topology                     topology.Topology
	queues                       queues
	holds                        *memhold.Store
	rows                         *memorder.Store
	provider                     *mempay.Provider
	bucket                       *memrate.Bucket
	attempts                     memattempts.Notes
	redis, dynamo, sends, stripe *dependency
	log                          *slog.Logger
	seeds                        atomic.Uint64
	groups                       int
	running                      sync.WaitGroup
	// outageEnd is when the failing dependency works again.
	outageEnd time.Time

	mu       sync.Mutex
	receives int
	// most is the receive count of each message; waited are the messages that were redelivered during the outage; drained is the
	// last receive of one of them.
	most    map[string]int
	waited  map[string]bool
	drained time.Time
}

func now() contracts.Instant { return contracts.InstantOf(time.Now()) }

func newWorld(t *testing.T, groups int) *world {
	t.Helper()
	spec, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	slow := &smithy.GenericAPIError{Code: "RequestThrottled"}
	w := &world{
		t: t, topology: spec, queues: newQueues(spec), rows: memorder.New(), groups: groups,
		holds:  memhold.New(now, memhold.Options{HoldFor: time.Duration(spec.HoldSeconds) * time.Second}),
		bucket: memrate.New(pay.LiveRates, time.Now), most: map[string]int{}, waited: map[string]bool{},
		redis: &dependency{throttled: errRefused}, dynamo: &dependency{throttled: &types.ProvisionedThroughputExceededException{}},
		sends: &dependency{throttled: slow}, stripe: &dependency{throttled: errors.New("429")},
	}
	w.provider = mempay.New(mempay.Options{Now: now, Deliver: w.webhook})
	for _, d := range []*dependency{w.redis, w.dynamo, w.sends, w.stripe} {
		d.random = w.random
	}
	for n := range groups {
		w.load(seatGroup(n))
	}
	return w
}

func (w *world) load(g contracts.SeatGroup) {
	if locked, err := w.holds.Lock(w.t.Context(), g, 1, time.Minute); err != nil || !locked {
		w.t.Fatal(locked, err)
	}
	if err := w.holds.Load(w.t.Context(), v1(g), holds.Load{Token: 1, Places: seatsOfGroup}); err != nil {
		w.t.Fatal(err)
	}
}

// random returns a new source each time, for one goroutine.
func (w *world) random() *rand.Rand { return rand.New(rand.NewPCG(1, w.seeds.Add(1))) }

// webhook handles an event of Stripe's. Its send to the queue always works.
func (w *world) webhook(e stripeevent.Event) bool {
	m, ours, err := e.Message(environment)
	if err != nil || !ours {
		return err == nil
	}
	w.send(m)
	return true
}

// received counts the messages of a receive.
func (w *world) received(messages []memqueue.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := time.Now()
	for _, m := range messages {
		w.receives++
		w.most[m.MessageID] = max(w.most[m.MessageID], m.ReceiveCount)
		switch {
		case m.ReceiveCount > 1 && at.Before(w.outageEnd):
			w.waited[m.MessageID] = true
		case w.waited[m.MessageID]:
			w.drained = at
		}
	}
}

// letters receives all messages of the dead-letter queues.
func (w *world) letters() (all []memqueue.Message) {
	for _, q := range w.topology.Queues {
		if q.DeadLetterQueue == "" {
			continue
		}
		for {
			got, err := w.queues[q.DeadLetterQueue].Receive(context.Background(), 10)
			if err != nil {
				w.t.Fatal(err)
			}
			if len(got) == 0 {
				break
			}
			all = append(all, got...)
		}
	}
	return all
}
