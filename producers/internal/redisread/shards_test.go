package redisread_test

import (
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/redisread"
)

const anOrder = contracts.OrderID("e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4")

// One shard of three is dead. The groups of the others are read and shown as before, those of the dead one are loading, and soon
// no call waits for it. Only its groups are reported as down for long.
func TestOneDeadShardOfThree(t *testing.T) {
	nodes := threeShards(t)
	client := redisread.NewClient(nodes[0].addr, "", "")
	t.Cleanup(func() { _ = client.Close() })
	groups := groupsOn(t, client, nodes)
	for _, g := range groups {
		keys := seatstate.KeysOf(g)
		for key, value := range map[string]string{keys.Rev: "1.1.2", keys.Map: "\x40"} {
			await(t, "writes", func() bool { return client.Set(t.Context(), key, value, 0).Err() == nil })
		}
	}
	now := time.Now
	ahead := time.Duration(0)
	r := redisread.New(client, func() time.Time { return now().Add(ahead) })
	well, dead := groups[:4], groups[4:]
	look := func(g contracts.SeatGroup) (time.Duration, error) {
		begun := now()
		_, err := r.Look(t.Context(), seatstate.In(g, 2), anOrder, []int{0}, 1)
		return now().Sub(begun), err
	}
	if states, err := r.Groups(t.Context(), inSecond(groups), anOrder); err != nil || !states[5].Loaded {
		t.Fatalf("before the outage: %+v, %v", states, err)
	}
	if err := nodes[2].process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "the death", func() bool { return nodes[2].client.Ping(t.Context()).Err() != nil })
	for round := range 20 {
		begun := now()
		states, err := r.Groups(t.Context(), inSecond(groups), anOrder)
		if err == nil || len(states) != len(groups) {
			t.Fatalf("round %d: %d states, %v", round, len(states), err)
		}
		for i := range groups {
			if states[i].Loaded != (i < 4) {
				t.Errorf("round %d: group %d is loaded: %t", round, i, states[i].Loaded)
			}
		}
		maps, err := r.Maps(t.Context(), inSecond(groups))
		if err == nil || len(maps) != len(groups) || !maps[0].Loaded || maps[5].Loaded {
			t.Errorf("round %d: maps %+v, %v", round, maps, err)
		}
		records, err := r.Records(t.Context(), groups, anOrder)
		if err == nil || !records[0].Known || records[5].Known {
			t.Errorf("round %d: records %+v, %v", round, records, err)
		}
		// Three calls, each of which waits for the shard until its breaker is open.
		if took := now().Sub(begun); round >= 2 && took > 500*time.Millisecond {
			t.Errorf("round %d took %s", round, took)
		}
		for _, g := range well {
			if took, err := look(g); err != nil || took > time.Second {
				t.Errorf("round %d: a read of %s took %s: %v", round, g.Key(), took, err)
			}
		}
		if _, err := look(dead[0]); err == nil {
			t.Error("a dead node answered")
		}
	}
	ahead = 40 * time.Second
	if down := r.DownFor(t.Context(), dead...); down < 30*time.Second {
		t.Errorf("the dead shard is down for %s", down)
	}
	for _, of := range [][]contracts.SeatGroup{well, groups, {dead[0], well[0]}, nil} {
		if down := r.DownFor(t.Context(), of...); down != 0 {
			t.Errorf("%d groups, some of them working, are down for %s", len(of), down)
		}
	}
}

// A cluster that is unreachable as a whole returns nothing, and for how long.
func TestUnreachableCluster(t *testing.T) {
	ahead := time.Duration(0)
	client := redisread.NewClient("127.0.0.1:1", "", "")
	t.Cleanup(func() { _ = client.Close() })
	r := redisread.New(client, func() time.Time { return time.Now().Add(ahead) })
	groups := []contracts.SeatGroup{{ConcertID: "c", Group: "A"}, {ConcertID: "c", Group: "B"}}
	for range 6 {
		if states, err := r.Groups(t.Context(), inSecond(groups), anOrder); states != nil || err == nil {
			t.Errorf("%+v, %v", states, err)
		}
		if maps, err := r.Maps(t.Context(), inSecond(groups)); maps != nil || err == nil {
			t.Errorf("%+v, %v", maps, err)
		}
	}
	ahead = 40 * time.Second
	if down := r.DownFor(t.Context(), groups...); down < 30*time.Second {
		t.Errorf("down for %s", down)
	}
}
