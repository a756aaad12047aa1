package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/invariants"
	"boxoffice/scripts/internal/testbed"
)

// everyFunction has the names of all functions.
var everyFunction = []string{"orders", "queries", "reserve", "expire", "mirror", "publish", "reconcile", "pay", "commit", "stripe-webhook"}

const (
	roundsInShort = 10
	roundsInLong  = 100
	crowdRate     = 20
)

// In each round a process of a random function is killed under load, during an invocation if possible. Buyers repeat requests
// without a response; some cancel, some pay, and in the arena some want more than their limit. Then every row, seat, ticket,
// allowance, event and effect at Stripe is compared.
func TestRoundsOfKills(t *testing.T) {
	runInParallel(t, 45*time.Second)
	rounds := roundsInShort
	if long() {
		rounds = roundsInLong
	}
	seed := seedOf(t)
	s := newStack(t, settings{busy: true})
	events := s.SubscribeFor(t)

	l := &ledger{}
	crowd := newCrowd(s, l, rand.New(rand.NewPCG(seed, 1)))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); crowd.run(ctx, crowdRate) }()
	begun := time.Now()
	k := &reaper{s: s, random: rand.New(rand.NewPCG(seed, 2)), kills: map[string]int{}, busy: map[string]int{}}
	for round, accepted := 0, 0; round < rounds; round++ {
		accepted += 5 + k.random.IntN(15)
		eventually(t, decideWithin, func() error {
			if n := len(l.ids()); n < accepted {
				return fmt.Errorf("round %d: %d of %d orders were accepted, refused: %v", round, n, accepted, l.refusals())
			}
			return nil
		})
		k.kill(round)
	}
	k.invoked.Wait()
	killing, mended := time.Since(begun), time.Now()
	stop()
	<-ended
	if len(crowd.gaveUp) > 0 {
		t.Errorf("requests that did not succeed within %s: %v", decideWithin, crowd.gaveUp)
	}
	s.waitDecided(l, decideWithin)
	decided := time.Since(mended)
	// Letters are checked below: a message that meets three random kills becomes one.
	rest := s.waitAtRest(l, events, 3*decideWithin, "dead letter")
	var snapshot invariants.Snapshot
	letters := 0
	eventually(t, 2*decideWithin, func() error {
		var err error
		if snapshot, err = s.Snapshot(t.Context()); err != nil {
			return err
		}
		letters, err = lettersMatchKills(snapshot, k.busy)
		return err
	})
	for _, v := range invariants.NeverShared(snapshot.Orders) {
		t.Error(v)
	}
	got := map[contracts.Status]int{}
	// The producer refuses most of these, the queue the others.
	overLimit := l.refusals()["409 limit_reached"]
	for _, o := range snapshot.Orders {
		got[o.Status]++
		if o.Reason != nil && o.Reason.Code == contracts.ReasonLimitReached {
			overLimit++
		}
	}
	if got[contracts.Expired] == 0 || got[contracts.Cancelled] == 0 || got[contracts.Rejected] == 0 || got[contracts.Confirmed] == 0 || overLimit == 0 {
		t.Errorf("orders ended as %v, %d over the limit: too few kinds of ends", got, overLimit)
	}
	for _, name := range everyFunction {
		if k.kills[name] < rounds/len(everyFunction) {
			t.Errorf("%s was killed %d times in %d rounds", name, k.kills[name], rounds)
		}
	}
	_, again := events.Published()
	report(t, "%d rounds of SIGKILL in %s (seed %d; killed %v, of these busy %v) under %d orders/s: %d orders accepted, rows %v, %d over the limit, %d letters, %d events published twice; all decided %s after the last kill, at rest %s later",
		rounds, killing.Round(time.Second), seed, k.kills, k.busy, crowdRate, len(l.ids()), got, overLimit, letters, again, decided.Round(time.Second), rest.Round(time.Second))
}

// seedOf returns FAULTS_SEED, or a random seed. A seed repeats the same orders and the same sequence of kills, though not with
// the same timing.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv("FAULTS_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("FAULTS_SEED: %v", err)
		}
	}
	t.Logf("FAULTS_SEED=%d", seed)
	return seed
}

// reaper kills processes of all functions, in rounds of random order.
type reaper struct {
	s       *stack
	random  *rand.Rand
	turn    []string
	invoked sync.WaitGroup
	// kills counts the kills by function, busy those of busy processes.
	kills, busy map[string]int
}

// waitForBusy is how long kill waits for a busy process.
const waitForBusy = 3 * time.Second

func (k *reaper) kill(round int) {
	k.s.t.Helper()
	if len(k.turn) == 0 {
		k.turn = slices.Clone(everyFunction)
		k.random.Shuffle(len(k.turn), func(i, j int) { k.turn[i], k.turn[j] = k.turn[j], k.turn[i] })
	}
	name := k.turn[0]
	k.turn = k.turn[1:]
	if name == "reconcile" {
		// Its schedule of one minute is longer than most runs of the test.
		k.invoked.Go(func() {
			var answer any
			_ = k.s.Invoke(k.s.t.Context(), name, &answer) // this run is killed
		})
	}
	begun, at := time.Now(), k.random.Uint64()
	eventually(k.s.t, decideWithin, func() error {
		f, err := k.s.Function(k.s.t.Context(), name)
		if err != nil {
			return err
		}
		var alive, busy []testbed.Process
		for _, p := range f.Processes {
			if p.PID > 0 && p.State != "restarting" {
				alive = append(alive, p)
			}
			if p.PID > 0 && p.State == "busy" {
				busy = append(busy, p)
			}
		}
		from := busy
		if len(busy) == 0 && time.Since(begun) > waitForBusy {
			from = alive
		}
		if len(from) == 0 {
			return fmt.Errorf("round %d: %s has no process to kill: %+v", round, name, f.Processes)
		}
		p := from[at%uint64(len(from))]
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
			return err // the process has ended by itself: try another one
		}
		k.kills[name]++
		if p.State == "busy" {
			k.busy[name]++
		}
		return nil
	})
}
