package redisread

import (
	"context"
	"errors"
	"testing"
	"time"
)

// While the breaker of a shard is open, the shard of its keys is not looked up. When it is tried again, they may have moved.
func TestOpenShardIsNotLookedUp(t *testing.T) {
	asked, master := 0, "one"
	s := newShards(nil, time.Now)
	s.masterOf = func(context.Context, string) (string, error) { asked++; return master, nil }
	call := func(err error, keys ...string) {
		t.Helper()
		in, findErr := s.of(t.Context(), keys...)
		if findErr != nil || len(in) != len(keys) {
			t.Fatalf("%d shards, %v", len(in), findErr)
		}
		_ = callShard(t.Context(), in[0], func(context.Context) error { return err })
	}
	for range failuresToOpen {
		call(errors.New("refused"), "a", "b")
	}
	before := asked
	for range 100 {
		call(nil, "a", "b")
	}
	if asked != before {
		t.Errorf("asked %d times while nothing was called", asked-before)
	}
	// A new key may be in a shard that works.
	call(nil, "a", "c")
	if asked != before+2 {
		t.Errorf("asked %d times for two keys, of which one is new", asked-before)
	}
	before, master = asked, "two"
	for s.byKey["a"].Open() {
		time.Sleep(10 * time.Millisecond)
	}
	call(nil, "a")
	if in, err := s.of(t.Context(), "a"); err != nil || asked != before+2 || in[0] != s.byAddress["two"] {
		t.Errorf("asked %d times of the shard that is tried again, %v", asked-before, err)
	}
}
