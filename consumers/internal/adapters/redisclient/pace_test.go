package redisclient_test

import (
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/paymenttest"
	"boxoffice/consumers/internal/testkit/redistest"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

var _ pay.Pace = (*redisclient.Pace)(nil)

func TestMain(m *testing.M) { os.Exit(redistest.Run(m)) }

// patient is lag with a long timeout, so that a loaded machine does not fail a test.
func patient(lag redisclient.Lag) redisclient.Lag {
	lag.Timeout = 10 * time.Second
	return lag
}

// without returns a client of a server without the key, whatever earlier tests stored.
func without(t *testing.T, key string) redis.UniversalClient {
	t.Helper()
	client := redistest.Client(t)
	if err := client.Del(t.Context(), key).Err(); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestDecisionLagIsStoredOncePerSecond(t *testing.T) {
	client := without(t, seatstate.PaceKey)
	now := time.UnixMilli(1_790_000_000_000)
	pace := redisclient.NewPace(client, retry.NoBreaker{}, patient(redisclient.Decisions), func() time.Time { return now })
	left := func(want string) {
		t.Helper()
		if got := client.Get(t.Context(), seatstate.PaceKey).Val(); got != want {
			t.Errorf("the pace is %q, want %q", got, want)
		}
	}
	pace.Leave(t.Context(), 0)
	left("")
	pace.Leave(t.Context(), contracts.InstantOf(now)-250)
	left("250")
	now = now.Add(seatstate.PaceEvery - 1)
	pace.Leave(t.Context(), contracts.InstantOf(now)-9000)
	left("250")
	now = now.Add(1)
	pace.Leave(t.Context(), contracts.InstantOf(now)-9000)
	left("9000")
	if ttl := client.PTTL(t.Context(), seatstate.PaceKey).Val(); ttl <= 0 || ttl > seatstate.LagKept {
		t.Errorf("the pace stays for %s", ttl)
	}
}

func TestPaymentLagIsStoredOncePerSecond(t *testing.T) {
	client := without(t, seatstate.PaymentLagKey)
	clock := paymenttest.NewClock()
	pace := redisclient.NewPace(client, retry.NoBreaker{}, patient(redisclient.Payments), clock.Now)
	left := func() string {
		t.Helper()
		text, err := client.Get(t.Context(), seatstate.PaymentLagKey).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		return text
	}
	leave := func(lag time.Duration) { pace.Leave(t.Context(), contracts.InstantOf(clock.Now()).Add(-lag)) }
	pace.Leave(t.Context(), 0)
	if got := left(); got != "" {
		t.Errorf("a lag that is not known was left as %s", got)
	}
	for _, step := range []struct {
		advance, lag, want time.Duration
	}{
		{0, 70 * time.Second, 70 * time.Second},
		{seatstate.PaceEvery - time.Millisecond, time.Second, 70 * time.Second},
		{time.Millisecond, time.Second, time.Second},
		// The queue's clock is ahead.
		{time.Second, -time.Minute, 0},
	} {
		clock.Advance(step.advance)
		leave(step.lag)
		if got, want := left(), strconv.FormatInt(step.want.Milliseconds(), 10); got != want {
			t.Errorf("left %s, want %s", got, want)
		}
	}
	if ttl, err := client.PTTL(t.Context(), seatstate.PaymentLagKey).Result(); err != nil || ttl <= 0 || ttl > seatstate.PaymentLagKept {
		t.Errorf("it ends in %v, %v", ttl, err)
	}
}
