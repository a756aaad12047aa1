package e2e

import (
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// maxHoldInTests bounds the holds of the stack for tests that wait for the end of a hold.
const maxHoldInTests = 30 * time.Second

// maxFreeDelay is how long after the end of a hold its seats may still be shown as held.
const maxFreeDelay = 25 * time.Second

func TestExpiredHoldFreesItsSeats(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	if s.HoldFor > maxHoldInTests {
		t.Skipf("holds last %s here; this test needs a stack with HOLD_SECONDS of at most %.0f", s.HoldFor, maxHoldInTests.Seconds())
	}
	anna, ben, seats := s.signedIn(t, testbed.Named("anna")), s.signedIn(t, testbed.Named("ben")), s.takeSeats(t, 2)
	accepted := s.place(t, anna, "key-1", seats...)
	held := s.waitDecided(t, anna, accepted.OrderID)
	wantStatus(t, held, contracts.AwaitingPayment)
	end := held.HoldExpiresAt.Time()

	expired := s.waitFor(t, anna, accepted.OrderID, time.Until(end)+maxFreeDelay, func(o apiclient.Order) bool { return o.Status != contracts.AwaitingPayment })
	wantStatus(t, expired, contracts.Expired)
	if got := timelineOf(expired); got != "QUEUED HELD AWAITING_PAYMENT EXPIRED" {
		t.Errorf("timeline is %s", got)
	}
	last := expired.Timeline[len(expired.Timeline)-1]
	if last.At.Time().Before(end) {
		t.Errorf("EXPIRED at %s, before the end of the hold at %s", last.At, end)
	}
	if *expired.HoldExpiresAt != *held.HoldExpiresAt {
		t.Errorf("the end of the hold moved from %s to %s", held.HoldExpiresAt, expired.HoldExpiresAt)
	}
	eventually(t, time.Until(end)+maxFreeDelay, func() (bool, string) {
		return s.seatState(t, seats[0]) == seatstate.Free && s.seatState(t, seats[1]) == seatstate.Free, "the seats are still shown as taken"
	})
	t.Logf("free %.1f s after the end of the hold", time.Since(end).Seconds())

	next := s.place(t, ben, "key-1", seats...)
	wantStatus(t, s.waitDecided(t, ben, next.OrderID), contracts.AwaitingPayment)
	// The same key still names the ended order, which stays unchanged.
	again, _, err := anna.Order(t.Context(), accepted.OrderID)
	if err != nil || again.Status != contracts.Expired || again.Version != expired.Version {
		t.Errorf("got %+v, %v", again, err)
	}
}
