package redishold_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/redishold"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/redistest"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"
)

// openLoaded returns a client, a deployed Store and a group that it has loaded with n free places.
func openLoaded(t testing.TB, n int) (*redis.ClusterClient, *redishold.Store, seatstate.GroupVersion) {
	client, g := redistest.Client(t), newGroup()
	store := redishold.New(client, retry.NoBreaker{}, options)
	load(t, store, g, holds.Load{Places: n})
	return client, store, g
}

// The suite runs with a test clock, so only this test shows that the deployed scripts use the server's.
func TestScriptsUseServerClock(t *testing.T) {
	client, store, g := openLoaded(t, 4)
	before, err := client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := holdtest.Hold(t.Context(), store, g, holds.Ask{Order: "a", Hash: "h", Places: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	after, err := client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	if answer.HeldAt < contracts.InstantOf(before) || answer.HeldAt > contracts.InstantOf(after) || answer.At != answer.HeldAt {
		t.Errorf("held at %v, decided at %v, want between %v and %v", answer.HeldAt, answer.At, before, after)
	}
	state, err := inspect(t.Context(), client, g.SeatGroup)
	if err != nil {
		t.Fatal(err)
	}
	if lapses := state.Entries[1].Lapses; answer.ExpiresAt != answer.HeldAt.Add(holdtest.HoldFor) || lapses != answer.ExpiresAt.Add(seatstate.LapseAfter) {
		t.Errorf("held at %v until %v, lapses at %v", answer.HeldAt, answer.ExpiresAt, lapses)
	}
	released, err := store.Release(t.Context(), g, "a", 1)
	if err != nil || released.At < answer.At || len(released.Freed) != 1 {
		t.Errorf("released %+v, %v", released, err)
	}
}

// A promoted replica and a restarted server do not know the scripts.
func TestScriptsAreSentAgainAfterFlush(t *testing.T) {
	client, store, g := openLoaded(t, 4)
	ask := holds.Ask{Order: "a", Hash: "h", Places: []int{1}}
	if _, err := holdtest.Hold(t.Context(), store, g, ask); err != nil {
		t.Fatal(err)
	}
	if err := client.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if answer, err := holdtest.Hold(t.Context(), store, g, ask); err != nil || answer.Outcome != holds.Held {
		t.Errorf("hold after SCRIPT FLUSH: %+v, %v", answer, err)
	}
	if released, err := store.Release(t.Context(), g, "a", 1); err != nil || len(released.Freed) != 1 {
		t.Errorf("release after SCRIPT FLUSH: %+v, %v", released, err)
	}
}

func TestKeysOfTwoGroupsAreRefused(t *testing.T) {
	client, a, b := redistest.Client(t), newGroup(), newGroup()
	store := redishold.New(client, retry.NoBreaker{}, options)
	load(t, store, a, holds.Load{Places: 4})
	before := dump(t, client, a.SeatGroup)
	mixed := slices.Concat(seatstate.KeysOf(a.SeatGroup).All()[:4], seatstate.KeysOf(b.SeatGroup).All()[4:])
	for name, script := range redishold.Scripts() {
		err := script.Eval(t.Context(), client, mixed, "a", 1).Err()
		if err == nil || !strings.Contains(err.Error(), "CROSSSLOT") {
			t.Errorf("%s on the keys of two groups: %v, want CROSSSLOT", name, err)
		}
	}
	wantDump(t, client, a.SeatGroup, before)
}

func TestLockExpires(t *testing.T) {
	client, g := redistest.Client(t), newGroup()
	store := redishold.New(client, retry.NoBreaker{}, options)
	if locked, err := store.Lock(t.Context(), g.SeatGroup, 1, 30*time.Millisecond); err != nil || !locked {
		t.Fatal(locked, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		locked, err := store.Lock(ctx, g.SeatGroup, 2, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if locked {
			break
		}
	}
	if err := store.Load(t.Context(), g, holds.Load{Token: 1, Places: 4}); !errors.Is(err, holds.ErrLoadRefused) {
		t.Errorf("load by the token that lost the lock: %v, want it refused", err)
	}
}

// Only the revision says whether a group is loaded, so a load must not trust the other keys.
func TestLoadDeletesLeftoverKeys(t *testing.T) {
	client, g := redistest.Client(t), newGroup()
	store := redishold.New(client, retry.NoBreaker{}, options)
	load(t, store, g, holds.Load{Places: 300, Sold: map[int]contracts.OrderID{299: "x"}})
	for _, order := range []contracts.OrderID{"a", "b"} {
		if _, err := holdtest.Hold(t.Context(), store, g, holds.Ask{Order: order, Hash: "h", Places: []int{len(order) + int(order[0])}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Release(t.Context(), g, "a", 1); err != nil {
		t.Fatal(err)
	}
	if err := client.Del(t.Context(), seatstate.KeysOf(g.SeatGroup).Rev).Err(); err != nil {
		t.Fatal(err)
	}
	load(t, store, g, holds.Load{Places: 4})
	state, err := inspect(t.Context(), client, g.SeatGroup)
	if err != nil {
		t.Fatal(err)
	}
	if err := holdtest.Consistent(state); err != nil {
		t.Error(err)
	}
	if len(state.Entries)+len(state.Records) > 0 || len(state.Map) != seatstate.MapBytes(4) {
		t.Errorf("state is %+v, want 4 free places and nothing else", state)
	}
}

// No script makes a record and an entry that disagree. Even then a sold place, or one of another order, must stay: an
// entry, not a record, says who has a place.
func TestReleaseFollowsEntries(t *testing.T) {
	client, store, g := openLoaded(t, 8)
	if _, err := holdtest.Hold(t.Context(), store, g, holds.Ask{Order: "a", Hash: "h", Places: []int{1, 2, 3, 4}}); err != nil {
		t.Fatal(err)
	}
	keys := seatstate.KeysOf(g.SeatGroup)
	if err := client.HSet(t.Context(), keys.Seats, "1", "sold a", "2", "held b 9790000000000").Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.HDel(t.Context(), keys.Seats, "3").Err(); err != nil {
		t.Fatal(err)
	}
	released, err := store.Release(t.Context(), g, "a", 1)
	if err != nil || !slices.Equal(released.Freed, []int{4}) {
		t.Errorf("released %+v, %v; want 4 freed", released, err)
	}
	entries, err := client.HGetAll(t.Context(), keys.Seats).Result()
	if err != nil || len(entries) != 2 || entries["1"] != "sold a" || entries["2"] != "held b 9790000000000" {
		t.Errorf("entries are %v, %v", entries, err)
	}
}

// Redis over its memory refuses the first write of a script, and then all of them, never some.
func TestRedisOutOfMemoryWritesNothing(t *testing.T) {
	b, g := openBackend(t), newGroup()
	client := b.client
	load(t, b, g, holds.Load{Places: 8})
	if _, err := holdtest.Hold(t.Context(), b, g, holds.Ask{Order: "a", Hash: "h", Places: []int{1, 2}}); err != nil {
		t.Fatal(err)
	}
	b.Advance(time.Hour)
	if err := b.tick(t.Context(), g.SeatGroup); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.ConfigSet(context.Background(), "maxmemory", "0").Err(); err != nil {
			t.Error(err)
		}
	})
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	// The first call has a lapsed order to sweep, which begins with a delete.
	_, swept := holdtest.Hold(t.Context(), b.store, g, holds.Ask{Order: "b", Hash: "h", Places: []int{3}})
	state, err := inspect(t.Context(), client, g.SeatGroup)
	if err != nil {
		t.Fatal(err)
	}
	if err := holdtest.Consistent(state); err != nil {
		t.Errorf("after a call that answered %v: %v", swept, err)
	}
	before := dump(t, client, g.SeatGroup)
	_, err = holdtest.Hold(t.Context(), b.store, g, holds.Ask{Order: "c", Hash: "h", Places: []int{4}})
	if err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("hold: %v, want OOM", err)
	}
	wantDump(t, client, g.SeatGroup, before)
}

// countingBreaker counts the successes and failures that the breaker sees.
type countingBreaker struct{ succeeded, failed int }

func (b *countingBreaker) Do(ctx context.Context, op func(context.Context) error) error {
	err := op(ctx)
	if err != nil {
		b.failed++
	} else {
		b.succeeded++
	}
	return err
}

func TestBreakerCountsAnswersAsSuccesses(t *testing.T) {
	client, g := redistest.Client(t), newGroup()
	breaker := &countingBreaker{}
	store := redishold.New(client, breaker, options)
	_, err := holdtest.Hold(t.Context(), store, g, holds.Ask{Order: "a", Hash: "h", Places: []int{1}})
	if !errors.Is(err, holds.ErrNotLoaded) {
		t.Errorf("hold: %v", err)
	}
	if err := store.Load(t.Context(), g, holds.Load{Token: 1, Places: 4}); !errors.Is(err, holds.ErrLoadRefused) {
		t.Errorf("load: %v", err)
	}
	load(t, store, g, holds.Load{Places: 4})
	if _, err := store.Release(t.Context(), g, "a", 2); err != nil {
		t.Error(err)
	}
	if r, err := store.Release(t.Context(), g, "a", 1); err != nil || !r.Stale {
		t.Errorf("release: %v", err)
	}
	_, err = holdtest.Hold(t.Context(), store, g, holds.Ask{Order: "b", Hash: "h", Places: []int{4}})
	var poison *retry.PoisonError
	if !errors.Is(err, holds.ErrInvalid) || !errors.As(err, &poison) {
		t.Errorf("hold outside the group: %v, want it invalid and poison", err)
	}
	if breaker.failed != 0 || breaker.succeeded != 7 {
		t.Errorf("%d failures, %d successes, want 0 and 7", breaker.failed, breaker.succeeded)
	}
}

// A server that accepts the call and never answers costs the timeout per call and no more, and counts as a failure for the
// breaker.
func TestCallEndsAfterTimeoutPerCall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: []string{l.Addr().String()}, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, ReadTimeout: time.Minute,
	})
	t.Cleanup(func() { _ = client.Close() })
	breaker := &countingBreaker{}
	store := redishold.New(client, breaker, redishold.Options{HoldFor: time.Minute, TimeoutPerCall: 50 * time.Millisecond})
	begun := time.Now()
	_, err = holdtest.Hold(t.Context(), store, newGroup(), holds.Ask{Order: "a", Hash: "h", Places: []int{1}})
	if err == nil || !strings.Contains(err.Error(), "no answer from Redis in time") || breaker.failed != 1 {
		t.Errorf("hold: %v, %d failures", err, breaker.failed)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// BITFIELD's u2 and SeatMap are one coding: readers read the map that scripts write.
func TestSeatMapIsBitfield(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: redistest.Addr(t)})
	t.Cleanup(func() { _ = client.Close() })
	const key = "seatmap"
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(rt, "places")
		m := seatstate.NewSeatMap(n)
		if err := client.Set(t.Context(), key, string(m), 0).Err(); err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 10).Draw(rt, "changes") {
			p := rapid.IntRange(0, n-1).Draw(rt, "place")
			state := rapid.SampledFrom([]seatstate.State{seatstate.Free, seatstate.Held, seatstate.Sold}).Draw(rt, "state")
			m.Set(p, state)
			if err := client.Do(t.Context(), "BITFIELD", key, "SET", "u2", "#"+strconv.Itoa(p), int(state)).Err(); err != nil {
				rt.Fatal(err)
			}
		}
		stored, err := client.Get(t.Context(), key).Result()
		if err != nil || stored != string(m) {
			rt.Fatalf("Redis has %x (%v), SeatMap %x", stored, err, string(m))
		}
	})
}

// A run stores its lag in the group's key, and the key expires: a lag that stayed would refuse buyers for ever.
func TestHoldStoresLag(t *testing.T) {
	client, store, g := openLoaded(t, 4)
	key := seatstate.KeysOf(g.SeatGroup).Lag
	run := holds.Run{Asks: []holds.Ask{{Order: "a", Hash: "h", Places: []int{1}}}}
	if _, err := store.Hold(t.Context(), g, run); err != nil {
		t.Fatal(err)
	}
	if n := client.Exists(t.Context(), key).Val(); n != 0 {
		t.Error("a run whose time is not known left a lag")
	}
	if maps, err := store.Maps(t.Context(), []seatstate.GroupVersion{g}); err != nil || maps[0].Lag != nil {
		t.Errorf("the map has lag %v, %v", maps, err)
	}
	now, err := client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	run.SentAt = contracts.InstantOf(now.Add(-1500 * time.Millisecond))
	if _, err := store.Hold(t.Context(), g, run); err != nil {
		t.Fatal(err)
	}
	lag, err := client.Get(t.Context(), key).Int()
	if err != nil || lag < 1500 || lag > 11_500 {
		t.Errorf("lag is %d ms, %v", lag, err)
	}
	if maps, err := store.Maps(t.Context(), []seatstate.GroupVersion{g}); err != nil || maps[0].Lag == nil || maps[0].Lag.Milliseconds() != int64(lag) {
		t.Errorf("the map has lag %v, %v", maps, err)
	}
	if left := client.PTTL(t.Context(), key).Val(); left <= 0 || left > seatstate.LagKept {
		t.Errorf("the lag stays for %s", left)
	}
	run.SentAt = contracts.InstantOf(now.Add(time.Hour))
	if _, err := store.Hold(t.Context(), g, run); err != nil {
		t.Fatal(err)
	}
	if lag, err := client.Get(t.Context(), key).Int(); err != nil || lag != 0 {
		t.Errorf("a queue whose clock is ahead left a lag of %d ms, %v", lag, err)
	}
}
