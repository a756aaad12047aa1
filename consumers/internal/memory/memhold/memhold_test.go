package memhold_test

import (
	"testing"
	"time"

	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/contracts"
)

func TestPromises(t *testing.T) { holdtest.Exercise(t, holdtest.Memory) }

// A loader whose lock has expired must not load the group when it continues.
func TestLockExpires(t *testing.T) {
	clock := holdtest.NewClock()
	store := memhold.New(clock.Now, memhold.Options{HoldFor: time.Minute})
	g := contracts.SeatGroup{ConcertID: "c", Group: "g"}
	for _, step := range []struct {
		after time.Duration
		token int64
		want  bool
	}{{0, 1, true}, {time.Second - time.Millisecond, 2, false}, {time.Millisecond, 2, true}, {0, 1, false}} {
		clock.Advance(step.after)
		got, err := store.Lock(t.Context(), g, step.token, time.Second)
		if err != nil || got != step.want {
			t.Errorf("%v later token %d: %v, %v; want %v", step.after, step.token, got, err, step.want)
		}
	}
}
