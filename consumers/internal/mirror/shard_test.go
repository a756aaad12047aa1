package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/adapters/redishold"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/redistest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// hall has seats 1 to 8 in each group, and is the queue.
type hall struct {
	mu   sync.Mutex
	sent []message.Encoded
}

func (*hall) LayoutGroup(_ context.Context, _ string, _ int, group string) (readmodel.LayoutGroup, error) {
	g := readmodel.LayoutGroup{Group: group}
	for n := range 8 {
		g.Seats = append(g.Seats, fmt.Sprint(n+1))
	}
	return g, nil
}

func (h *hall) Send(_ context.Context, messages ...message.Encoded) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent = append(h.sent, messages...)
	return nil
}

// One shard of three is dead. Orders of the other groups are held, their sales are in Redis within 2 s of their commit, none of
// their holds lapses, and their maps are read; rows of groups of the dead shard wait in those groups' queues.
func TestOneDeadShardOfThree(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	client := redisclient.NewClient(nodes[0].Addr, "", "")
	t.Cleanup(func() { _ = client.Close() })
	newBreaker := func() retry.Breaker { return retry.NewBreaker("redis", retry.BreakerOptions{}) }
	// Holds lapse soon, so that the test sees one that was not sold in time.
	const holdFor, lapseAfter = 10 * time.Second, time.Second
	store := redishold.New(client, newBreaker(), redishold.Options{
		HoldFor: holdFor, LapseAfter: lapseAfter, Shards: redisclient.NewShards(client, newBreaker),
	})
	var groups []contracts.SeatGroup
	made := 0
	for _, node := range nodes {
		for range 2 {
			groups = append(groups, redistest.GroupOn(t, client, node, func() contracts.SeatGroup {
				made++
				return contracts.SeatGroup{ConcertID: "three", Group: fmt.Sprint("g", made)}
			}))
		}
	}
	dead := groups[4:]
	rows, queue := memorder.New(), &hall{}
	stream := mirror.NewStream(mirror.Mirror{
		Rows: rows, Seats: store, Catalogue: queue, Sender: queue, Log: slog.New(slog.DiscardHandler),
		Meter: telemetry.NewMeter(&strings.Builder{}, "mirror", time.Now), Now: time.Now,
	})
	// hold holds a place of a group, and writes the row of it.
	hold := func(g contracts.SeatGroup, place int) (order.Order, error) {
		m := ordertest.Placed(g, fmt.Sprint(place+1))
		ask := holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: []int{place}}
		answer, err := holdtest.Hold(t.Context(), store, seatstate.In(g, 1), ask)
		if err != nil {
			return order.Order{}, err
		}
		row := order.NewHeld(m, "00000000000000000001", order.Hold{
			Seats: m.Seats, HeldAt: answer.HeldAt, ExpiresAt: answer.ExpiresAt, BuyerLimit: 8,
			Amount: contracts.Money{Minor: 12000, Currency: "EUR"},
		}, order.Cause{Kind: message.KindPlaceOrder, MessageID: "m", At: answer.HeldAt})
		ordertest.Put(t, rows, row)
		return row, nil
	}
	commit := func(row order.Order) {
		t.Helper()
		cause := order.Cause{Kind: message.KindPaymentAuthorized, MessageID: "m", At: contracts.InstantOf(time.Now())}
		sold, err := row.Commit("pi_1", cause)
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.Commit(t.Context(), row, sold); err != nil {
			t.Fatalf("commit: %v", err)
		}
	}
	var versions []seatstate.GroupVersion
	for _, g := range groups {
		versions = append(versions, seatstate.In(g, 1))
	}
	before := map[contracts.SeatGroup]order.Order{}
	for _, g := range groups {
		if locked, err := store.Lock(t.Context(), g, 1, time.Minute); err != nil || !locked {
			t.Fatalf("%t, %v", locked, err)
		}
		if err := store.Load(t.Context(), seatstate.In(g, 1), holds.Load{Token: 1, Places: 8}); err != nil {
			t.Fatal(err)
		}
		row, err := hold(g, 0)
		if err != nil {
			t.Fatal(err)
		}
		before[g] = row
	}
	nodes[2].Kill(t)

	for round := range 4 {
		batch := map[contracts.OrderID]contracts.SeatGroup{}
		var ids []contracts.OrderID
		for _, g := range groups {
			row, held := before[g]
			delete(before, g)
			if !held {
				begun := time.Now()
				var err error
				if row, err = hold(g, round); slices.Contains(dead, g) {
					if err == nil {
						t.Fatal("a dead node answered")
					}
					continue
				}
				if took := time.Since(begun); err != nil || took > 2*time.Second {
					t.Fatalf("round %d: a hold in %s took %s: %v", round, g.Key(), took, err)
				}
			}
			commit(row)
			batch[row.OrderID] = g
			ids = append(ids, row.OrderID)
		}
		committed := time.Now()
		done, err := stream.Handle(t.Context(), hintsOf(ids))
		if took := time.Since(committed); done != len(ids) || err != nil || took > 2*time.Second {
			t.Errorf("round %d: %d of %d done in %s, %v", round, done, len(ids), took, err)
		}
		maps, err := store.Maps(t.Context(), versions)
		unread := &holds.UnreadError{}
		if !errors.As(err, &unread) || !slices.Equal(unread.Groups, dead) || len(maps) != len(groups) {
			t.Fatalf("round %d: the maps: %v", round, err)
		}
		for i, g := range groups[:4] {
			if maps[i].Map.At(round) != seatstate.Sold {
				t.Errorf("round %d: place %d of %s is %v", round, round, g.Key(), maps[i].Map.At(round))
			}
		}
	}
	if len(queue.sent) != len(dead) {
		t.Errorf("%d rows wait in queues, want %d", len(queue.sent), len(dead))
	}
	// By now every hold that was made before the outage has lapsed, unless it was sold.
	time.Sleep(holdFor + lapseAfter)
	for _, g := range groups[:4] {
		if _, err := store.Sweep(t.Context(), seatstate.In(g, 1)); err != nil {
			t.Error(err)
		}
		state, err := store.State(t.Context(), seatstate.In(g, 1))
		if err != nil || state.Lapsed != 0 || len(state.Entries) != 4 {
			t.Fatalf("%s: %+v, %v", g.Key(), state, err)
		}
		for place, e := range state.Entries {
			if e.State != seatstate.Sold {
				t.Errorf("%s: place %d is %+v", g.Key(), place, e)
			}
		}
	}
}
