package redishold_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
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
)

func TestMain(m *testing.M) { os.Exit(redistest.Run(m)) }

func TestPromises(t *testing.T) { holdtest.Exercise(t, newBackend) }

func TestAgreesWithTheModel(t *testing.T) { holdtest.Agree(t, newBackend) }

// options have a long timeout, so that a loaded machine does not fail a test.
var options = redishold.Options{HoldFor: holdtest.HoldFor, TimeoutPerCall: 10 * time.Second}

// backend is a Store whose scripts read a clock from a key of the group.
type backend struct {
	*holdtest.Clock
	store  *redishold.Store
	client *redis.ClusterClient
}

func newBackend(t *testing.T) holdtest.Backend { return openBackend(t) }

func openBackend(t *testing.T) *backend {
	client := redistest.Client(t)
	return &backend{Clock: holdtest.NewClock(), store: redishold.NewWithTestClock(client, retry.NoBreaker{}, options), client: client}
}

func (b *backend) tick(ctx context.Context, g contracts.SeatGroup) error {
	return b.client.Set(ctx, clockKey(g), int64(b.Now()), 0).Err()
}

// atClock sets the clock of a group's scripts, and then makes a call.
func atClock[A any](ctx context.Context, b *backend, g contracts.SeatGroup, call func() (A, error)) (answer A, err error) {
	if err := b.tick(ctx, g); err != nil {
		return answer, err
	}
	return call()
}

func clockKey(g contracts.SeatGroup) string { return "{" + g.Key() + "}:clock" }

func (b *backend) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	return atClock(ctx, b, g.SeatGroup, func() ([]holds.Answer, error) { return b.store.Hold(ctx, g, run) })
}

func (b *backend) Release(ctx context.Context, g seatstate.GroupVersion, order contracts.OrderID, version int) (holds.Release, error) {
	return atClock(ctx, b, g.SeatGroup, func() (holds.Release, error) { return b.store.Release(ctx, g, order, version) })
}

func (b *backend) Lock(ctx context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error) {
	return b.store.Lock(ctx, g, token, ttl)
}

func (b *backend) Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	return atClock(ctx, b, g.SeatGroup, func() (holds.Answer, error) { return b.store.Forward(ctx, g, id, hash, to) })
}

func (b *backend) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	return b.store.Maps(ctx, groups)
}

func (b *backend) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	return atClock(ctx, b, g.SeatGroup, func() (holds.Applied, error) { return b.store.Keep(ctx, g, k) })
}

func (b *backend) Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	return atClock(ctx, b, g.SeatGroup, func() (holds.Sale, error) { return b.store.Sell(ctx, g, id, places, version) })
}

func (b *backend) Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	return atClock(ctx, b, g.SeatGroup, func() (holds.Release, error) { return b.store.Restore(ctx, g, id, places, version) })
}

func (b *backend) Repair(ctx context.Context, g seatstate.GroupVersion, epoch int64, changes []holds.Change) (holds.Repaired, error) {
	return atClock(ctx, b, g.SeatGroup, func() (holds.Repaired, error) { return b.store.Repair(ctx, g, epoch, changes) })
}

func (b *backend) State(ctx context.Context, g seatstate.GroupVersion) (holds.State, error) {
	return atClock(ctx, b, g.SeatGroup, func() (holds.State, error) { return b.store.State(ctx, g) })
}

func (b *backend) Sweep(ctx context.Context, g seatstate.GroupVersion) (int, error) {
	return atClock(ctx, b, g.SeatGroup, func() (int, error) { return b.store.Sweep(ctx, g) })
}

func (b *backend) Unlock(ctx context.Context, g contracts.SeatGroup, token int64) error {
	if err := b.tick(ctx, g); err != nil {
		return err
	}
	return b.store.Unlock(ctx, g, token)
}

func (b *backend) Load(ctx context.Context, g seatstate.GroupVersion, l holds.Load) error {
	if err := b.tick(ctx, g.SeatGroup); err != nil {
		return err
	}
	return b.store.Load(ctx, g, l)
}

func (b *backend) Loaded(ctx context.Context, g seatstate.GroupVersion) error {
	return b.store.Loaded(ctx, g)
}

func (b *backend) Wipe(ctx context.Context, g contracts.SeatGroup) error {
	return b.client.Del(ctx, seatstate.KeysOf(g).All()...).Err()
}

func (b *backend) Inspect(ctx context.Context, g contracts.SeatGroup) (holdtest.State, error) {
	return inspect(ctx, b.client, g)
}

// inspect reads a group with the parsers of the contract, so that readers can read what the scripts write.
func inspect(ctx context.Context, client *redis.ClusterClient, g contracts.SeatGroup) (holdtest.State, error) {
	keys := seatstate.KeysOf(g)
	s := holdtest.State{
		Entries: map[int]seatstate.Entry{}, Records: map[contracts.OrderID]seatstate.Record{},
		Lapses: map[contracts.OrderID]contracts.Instant{}, Ends: map[contracts.OrderID]contracts.Instant{},
	}
	pipe := client.Pipeline()
	rev, seatMap, lock := pipe.Get(ctx, keys.Rev), pipe.Get(ctx, keys.Map), pipe.Get(ctx, keys.Lock)
	seats, orders := pipe.HGetAll(ctx, keys.Seats), pipe.HGetAll(ctx, keys.Orders)
	lapses, ends := pipe.ZRangeWithScores(ctx, keys.Lapses, 0, -1), pipe.ZRangeWithScores(ctx, keys.Ends, 0, -1)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return s, fmt.Errorf("read %s: %w", g.Key(), err)
	}
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	var err error
	if rev.Err() == nil {
		s.Loaded, s.Map = true, seatstate.SeatMap(seatMap.Val())
		s.Revision, err = seatstate.ParseRevision(rev.Val())
		note(err)
	} else if seatMap.Err() == nil {
		note(errors.New("a map without a revision"))
	}
	if lock.Err() == nil {
		s.Lock, err = strconv.ParseInt(lock.Val(), 10, 64)
		note(err)
	}
	for field, value := range seats.Val() {
		p, err := strconv.Atoi(field)
		note(err)
		s.Entries[p], err = seatstate.ParseEntry(value)
		note(err)
	}
	for order, value := range orders.Val() {
		s.Records[contracts.OrderID(order)], err = seatstate.ParseRecord(value)
		note(err)
	}
	for _, z := range lapses.Val() {
		s.Lapses[contracts.OrderID(z.Member.(string))] = contracts.Instant(z.Score)
	}
	for _, z := range ends.Val() {
		s.Ends[contracts.OrderID(z.Member.(string))] = contracts.Instant(z.Score)
	}
	return s, errors.Join(problems...)
}

var groups atomic.Int64

func newGroup() seatstate.GroupVersion {
	return seatstate.In(contracts.SeatGroup{ConcertID: "redishold", Group: "g" + strconv.FormatInt(groups.Add(1), 10)}, 3)
}

// load locks and loads a group under token 1.
func load(t testing.TB, s holdtest.Store, g seatstate.GroupVersion, l holds.Load) {
	t.Helper()
	l.Token = 1
	ctx := context.Background()
	if locked, err := s.Lock(ctx, g.SeatGroup, 1, time.Minute); err != nil || !locked {
		t.Fatalf("lock: %v, %v", locked, err)
	}
	if err := s.Load(ctx, g, l); err != nil {
		t.Fatal(err)
	}
}

// dump returns all data of a group in Redis, byte for byte.
func dump(t testing.TB, client *redis.ClusterClient, g contracts.SeatGroup) string {
	t.Helper()
	var all strings.Builder
	for _, key := range seatstate.KeysOf(g).All() {
		value, err := client.Dump(context.Background(), key).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %q\n", key, value)
	}
	return all.String()
}

// wantDump checks that Redis has exactly this data of a group.
func wantDump(t testing.TB, client *redis.ClusterClient, g contracts.SeatGroup, before string) {
	t.Helper()
	if after := dump(t, client, g); after != before {
		t.Errorf("the group was changed\nfrom %s\nto %s", before, after)
	}
}
