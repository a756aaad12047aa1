package e2e

import (
	"net/http"
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

func TestOrderIsHeld(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna, seats := s.signedIn(t, testbed.Named("anna")), s.takeSeats(t, 2)

	accepted := s.place(t, anna, "key-1", seats...)
	if accepted.Status != contracts.Queued || accepted.Version != 0 {
		t.Errorf("a new order is %s at version %d", accepted.Status, accepted.Version)
	}
	order := s.waitDecided(t, anna, accepted.OrderID)
	wantStatus(t, order, contracts.AwaitingPayment)

	if got := timelineOf(order); got != "QUEUED HELD AWAITING_PAYMENT" {
		t.Errorf("timeline is %s", got)
	}
	if !slices.Equal(order.Seats, seats) || order.Version != 2 || order.ConcertID != s.Concert {
		t.Errorf("got %+v", order)
	}
	row, found := s.row(t, accepted.OrderID)
	switch {
	case !found:
		t.Fatal("the order has no row")
	case order.HoldExpiresAt == nil || order.Amount == nil:
		t.Fatalf("a held order shows no end or no price: %+v", order)
	case row.HoldExpiresAt.Sub(row.HeldAt) != s.HoldFor || *order.HoldExpiresAt != row.HoldExpiresAt:
		t.Errorf("held from %s to %s, shown until %s, want %s", row.HeldAt, row.HoldExpiresAt, order.HoldExpiresAt, s.HoldFor)
	case len(row.Fence) != 20:
		t.Errorf("fence is %q, want 20 digits", row.Fence)
	}
	eventually(t, decideWithin, func() (bool, string) {
		return s.shownState(t, seats[0]) == seatstate.Held, "the map does not show the seat as held"
	})
}

// A buyer who sends the same order repeatedly, at any time, has one order; the order of the seats does not matter.
func TestDoubleSubmitIsOneOrder(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	user := testbed.Named("anna")
	anna, seats := s.signedIn(t, user), s.takeSeats(t, 2)

	first := s.place(t, anna, "key-1", seats...)
	for range 9 {
		if again := s.place(t, anna, "key-1", seats...); again.OrderID != first.OrderID {
			t.Fatalf("the same key gave %s and %s", first.OrderID, again.OrderID)
		}
	}
	order := s.waitDecided(t, anna, first.OrderID)
	wantStatus(t, order, contracts.AwaitingPayment)

	after := s.place(t, anna, "key-1", seats[1], seats[0])
	if after.OrderID != first.OrderID || after.Status != contracts.AwaitingPayment || after.Version != 2 {
		t.Errorf("a repeat after the decision returned %+v", after)
	}
	if rows := s.rowsOf(t, user); len(rows) != 1 || rows[0].Version != 2 {
		t.Errorf("the buyer has %d rows: %+v", len(rows), rows)
	}
}

func TestAnotherBodyUnderTheSameKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna, seats := s.signedIn(t, testbed.Named("anna")), s.takeSeats(t, 2)

	first := s.place(t, anna, "key-1", seats[0])
	wantStatus(t, s.waitDecided(t, anna, first.OrderID), contracts.AwaitingPayment)
	answer, err := anna.Place(t.Context(), "key-1", apiclient.OrderRequest{ConcertID: s.Concert, Seats: seats[1:]})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != http.StatusUnprocessableEntity || answer.Problem().Code != "idempotency_mismatch" {
		t.Errorf("got %d %+v", answer.Status, answer.Problem())
	}
	order, _, err := anna.Order(t.Context(), first.OrderID)
	if err != nil || !slices.Equal(order.Seats, seats[:1]) {
		t.Errorf("the order is not that of the first body: %+v, %v", order, err)
	}
}

// Two simultaneous bodies under one key: one of them is the order, and the seat of the other stays available.
func TestSimultaneousBodiesAreOneOrder(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	user := testbed.Named("anna")
	anna, seats := s.signedIn(t, user), s.takeSeats(t, 2)

	gate, ids := make(chan struct{}), make(chan string, 2)
	for _, seat := range seats {
		go func() {
			<-gate
			answer, err := anna.Place(t.Context(), "key-1", apiclient.OrderRequest{ConcertID: s.Concert, Seats: []string{seat}})
			var accepted apiclient.Accepted
			if err != nil || answer.Status == http.StatusAccepted && answer.Decode(&accepted) != nil {
				t.Errorf("got %d, %v", answer.Status, err)
			}
			ids <- accepted.OrderID
		}()
	}
	close(gate)
	id, other := <-ids, <-ids
	if id == "" {
		id = other
	}
	order := s.waitDecided(t, anna, id)
	wantStatus(t, order, contracts.AwaitingPayment)
	if rows := s.rowsOf(t, user); len(rows) != 1 || len(order.Seats) != 1 {
		t.Fatalf("the buyer has %d rows, the order seats %v", len(rows), order.Seats)
	}
	remaining := seats[0]
	if order.Seats[0] == remaining {
		remaining = seats[1]
	}
	ben := s.signedIn(t, testbed.Named("ben"))
	eventually(t, decideWithin, func() (bool, string) {
		answer, err := ben.Place(t.Context(), "key-"+testbed.Named("x"), apiclient.OrderRequest{ConcertID: s.Concert, Seats: []string{remaining}})
		if err != nil {
			t.Fatal(err)
		}
		var accepted apiclient.Accepted
		if answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil {
			return false, answer.Problem().Code
		}
		o := s.waitDecided(t, ben, accepted.OrderID)
		return o.Status == contracts.AwaitingPayment, string(o.Status)
	})
}
