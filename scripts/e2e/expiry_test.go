package e2e

import (
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// maxHoldInTests: the tests that wait for the end of a hold need a stack with short ones.
const maxHoldInTests = 30 * time.Second

// freeWithin is how long after the end of a hold its seats may still be shown as held.
const freeWithin = 25 * time.Second

func TestAHoldThatRunsOutFreesItsSeats(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	if s.HoldFor > maxHoldInTests {
		t.Skipf("holds last %s here; this test needs a stack with HOLD_SECONDS of at most %.0f", s.HoldFor, maxHoldInTests.Seconds())
	}
	anna, ben, seats := s.as(t, testbed.Named("anna")), s.as(t, testbed.Named("ben")), s.seats(t, 2)
	accepted := s.place(t, anna, "key-1", seats...)
	held := s.decided(t, anna, accepted.OrderID)
	wantStatus(t, held, contracts.AwaitingPayment)
	end := held.HoldExpiresAt.Time()

	expired := s.waitFor(t, anna, accepted.OrderID, time.Until(end)+freeWithin, func(o apiclient.Order) bool { return o.Status != contracts.AwaitingPayment })
	wantStatus(t, expired, contracts.Expired)
	if got := statuses(expired); got != "QUEUED HELD AWAITING_PAYMENT EXPIRED" {
		t.Errorf("timeline is %s", got)
	}
	last := expired.Timeline[len(expired.Timeline)-1]
	if last.At.Time().Before(end) {
		t.Errorf("EXPIRED at %s, before the end of the hold at %s", last.At, end)
	}
	if *expired.HoldExpiresAt != *held.HoldExpiresAt {
		t.Errorf("the end moved from %s to %s", held.HoldExpiresAt, expired.HoldExpiresAt)
	}
	eventually(t, time.Until(end)+freeWithin, func() (bool, string) {
		return s.stateOf(t, seats[0]) == seatstate.Free && s.stateOf(t, seats[1]) == seatstate.Free, "the seats are still shown as taken"
	})
	t.Logf("free %.1f s after the end of the hold", time.Since(end).Seconds())

	next := s.place(t, ben, "key-1", seats...)
	wantStatus(t, s.decided(t, ben, next.OrderID), contracts.AwaitingPayment)
	// The same key still names the order that has ended; it does not come back to life.
	again, _, err := anna.Order(t.Context(), accepted.OrderID)
	if err != nil || again.Status != contracts.Expired || again.Version != expired.Version {
		t.Errorf("got %+v, %v", again, err)
	}
}
