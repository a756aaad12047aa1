package pace_test

import (
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/producers/internal/pace"
)

func TestThePaceGrowsWithTheLag(t *testing.T) {
	for lag, want := range map[time.Duration]int{0: 300, 600 * time.Millisecond: 300, 2 * time.Second: 1000, 30 * time.Second: 15000, time.Hour: 15000} {
		if got := pace.PollAfterMs(contracts.Queued, lag); got != want {
			t.Errorf("lag %s: %d ms, want %d", lag, got, want)
		}
	}
	if got := pace.PollAfterMs(contracts.Held, time.Hour); got != 1000 {
		t.Errorf("an order that is held is no longer in the queue: %d ms", got)
	}
	if got := pace.PollAfterMs(contracts.Expired, time.Hour); got != 0 {
		t.Errorf("an order that is settled: %d ms", got)
	}
}

func TestWaitIsRoundedUp(t *testing.T) {
	for lag, want := range map[time.Duration]int{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2} {
		if got := pace.WaitSeconds(lag); got != want {
			t.Errorf("lag %s: %d s, want %d", lag, got, want)
		}
	}
}
