package e2e

import (
	"net/http"
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// ordinarySeats returns the seats of a group that are not accessible.
func ordinarySeats(g apiclient.Group) []string {
	return slices.DeleteFunc(slices.Clone(g.Seats), func(seat string) bool { return slices.Contains(g.Accessible, seat) })
}

// checkAccessible places an order for adjacent seats of the house and checks that it gets exactly that many accessible ones.
func (h house) checkAccessible(t *testing.T, quantity, accessible int) {
	t.Helper()
	request := apiclient.OrderRequest{ConcertID: h.concert.ID, Best: &apiclient.BestAvailable{Section: h.section, Quantity: quantity, Accessible: accessible}}
	user := testbed.Named("wheels")
	answer, err := h.signedIn(t, user).Place(t.Context(), "key-1", request)
	var accepted apiclient.Accepted
	if err != nil || answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil {
		t.Fatalf("%d seats, %d accessible: got %d %s, %v", quantity, accessible, answer.Status, answer.Body, err)
	}
	order := h.waitDecided(t, h.signedIn(t, user), accepted.OrderID)
	wantStatus(t, order, contracts.AwaitingPayment)
	got, adjacent := 0, false
	for _, g := range h.groups {
		for _, row := range g.Rows {
			if at := slices.Index(row.Seats, order.Seats[0]); at >= 0 {
				adjacent = at+quantity <= len(row.Seats) && slices.Equal(row.Seats[at:at+quantity], order.Seats)
			}
		}
		got += len(slices.DeleteFunc(slices.Clone(order.Seats), func(seat string) bool { return !slices.Contains(g.Accessible, seat) }))
	}
	if !adjacent || got != accessible {
		t.Errorf("%d seats, %d accessible: got %v", quantity, accessible, order.Seats)
	}
	h.checkRepeat(t, user, order, request)
}

// A buyer gets exactly as many accessible seats as the order asks for. For other orders a section is sold out when only
// accessible seats are left, both in the producer and in the queue.
func TestAccessibleSeatsNeedARequestForThem(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	h := s.house(t, "blue-hour-2030", "boxes")
	var seats, accessible []string
	for _, g := range h.groups {
		seats, accessible = append(seats, ordinarySeats(g)...), append(accessible, g.Accessible...)
	}
	if len(accessible) != 2 {
		t.Fatalf("the boxes have the accessible seats %v", accessible)
	}
	eventually(t, decideWithin, func() (bool, string) {
		return h.countFree(t) == len(seats)+len(accessible), "seats of an earlier run are still held"
	})
	until := h.holdSeats(t, seats)

	anna := s.signedIn(t, testbed.Named("anna"))
	if answer := s.placeBest(t, anna, h.concert.ID, "key-1", h.section, 1); answer.Status != http.StatusConflict || answer.Problem().Code != "sold_out" {
		t.Errorf("with only accessible seats POST returned %d %s", answer.Status, answer.Body)
	}
	for _, g := range h.groups {
		row := h.enqueueBest(t, g.Group, message.BestAvailable{Section: h.section, Quantity: 1})
		if row.Status != contracts.Rejected || row.Reason == nil || row.Reason.Code != contracts.ReasonNoAdjacent {
			t.Errorf("with only accessible seats an order in %s is %s with %v, %+v", g.Group, row.Status, row.Seats, row.Reason)
		}
	}
	h.checkAccessible(t, 1, 1)
	h.checkAccessible(t, 1, 1)
	checkInTime(t, until)
}

// An order that reaches a group with only accessible seats left continues to one with ordinary seats.
func TestOrdinaryOrderSkipsAccessibleSeats(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	h := s.house(t, "blue-hour-2030", "stalls-left")
	front, rear := h.groups[0], h.groups[1]
	if len(front.Accessible) == 0 || len(rear.Accessible) == 0 {
		t.Fatalf("%s and %s have accessible seats %v and %v", front.Group, rear.Group, front.Accessible, rear.Accessible)
	}
	all := len(front.Seats) + len(rear.Seats)
	eventually(t, decideWithin, func() (bool, string) { return h.countFree(t) == all, "seats of an earlier run are still held" })
	until := h.holdSeats(t, ordinarySeats(front))
	row := h.enqueueBest(t, front.Group, message.BestAvailable{Section: h.section, Quantity: 2})
	if !row.Status.Open() || row.Group != rear.Group || len(row.Seats) != 2 || slices.ContainsFunc(row.Seats, func(seat string) bool { return slices.Contains(rear.Accessible, seat) }) {
		t.Errorf("the order is %s in %s with %v, %+v", row.Status, row.Group, row.Seats, row.Reason)
	}
	// Three seats first: only the rear has ordinary seats next to accessible ones, and the pair may come from either group.
	h.checkAccessible(t, 3, 1)
	h.checkAccessible(t, 2, 2)
	checkInTime(t, until)
}

func TestInvalidAccessibleIsRefused(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	for _, accessible := range []string{"-1", "3", "1.5", "null", `"1"`, "true", "[]"} {
		body := `{"concertId":"` + s.Concert + `","bestAvailable":{"quantity":2,"accessible":` + accessible + `}}`
		answer, err := anna.Do(t.Context(), http.MethodPost, "/orders", []byte(body), map[string]string{"Content-Type": "application/json", "Idempotency-Key": "key-1"})
		if err != nil {
			t.Fatal(err)
		}
		if p := answer.Problem(); answer.Status != http.StatusBadRequest || p.Code != "invalid_request" || p.Pointer != "/bestAvailable/accessible" {
			t.Errorf("accessible %s: got %d %s", accessible, answer.Status, answer.Body)
		}
	}
}
