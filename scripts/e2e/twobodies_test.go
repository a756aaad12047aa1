package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// doubleBuyer is a buyer who sends two bodies, for seats of two groups, under one key at the same moment.
type doubleBuyer struct {
	*apiclient.Client
	user    string
	seats   [2]string
	answers [2]apiclient.Answer
}

// sendBoth lets the buyers send their two orders, all at the same moment, and waits for the responses.
func (s *stack) sendBoth(t *testing.T, user string, groups [2][]string) []doubleBuyer {
	t.Helper()
	buyers := make([]doubleBuyer, len(groups[0]))
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range buyers {
		b := &buyers[i]
		b.user = fmt.Sprintf("%s-%d", user, i)
		b.Client, b.seats = s.signedIn(t, b.user), [2]string{groups[0][i], groups[1][i]}
		for j, seat := range b.seats {
			wg.Go(func() {
				<-gate
				var err error
				if b.answers[j], err = b.Place(t.Context(), "key-1", apiclient.OrderRequest{ConcertID: s.Concert, Seats: []string{seat}}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	close(gate)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return buyers
}

// orderID returns the id in the two responses, which must agree. One of them may be idempotency_mismatch.
func (b doubleBuyer) orderID(t *testing.T) (id string) {
	t.Helper()
	for _, answer := range b.answers {
		var accepted apiclient.Accepted
		switch {
		case answer.Status == http.StatusUnprocessableEntity && answer.Problem().Code == "idempotency_mismatch":
			continue
		case answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil:
			t.Fatalf("%s got %d %s", b.user, answer.Status, answer.Body)
		case id != "" && accepted.OrderID != id:
			t.Fatalf("%s has two orders of one key: %s and %s", b.user, id, accepted.OrderID)
		}
		id = accepted.OrderID
	}
	if id == "" {
		t.Fatalf("both bodies of %s were refused: %s and %s", b.user, b.answers[0].Body, b.answers[1].Body)
	}
	return id
}

// Many buyers send bodies for two groups at once under one key. The queues of the two groups are independent, so both orders may
// hold their seats. One of them becomes the order, and the seat of the other becomes available.
func TestSimultaneousBodiesForTwoGroupsAreOneOrder(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	const buyers = 20
	// One more seat of each group is for a buyer behind all of them.
	groups := [2][]string{s.takeSeats(t, buyers+1), nil}
	groups[1] = s.takeSeatsOutside(t, groups[0][0], buyers+1)
	behind := [2]string{groups[0][buyers], groups[1][buyers]}
	user := testbed.Named("twice")
	all := s.sendBoth(t, user, [2][]string{groups[0][:buyers], groups[1][:buyers]})

	var left []string
	won, mismatches := [2]int{}, 0
	for _, b := range all {
		order := s.waitDecided(t, b.Client, b.orderID(t))
		wantStatus(t, order, contracts.AwaitingPayment)
		if len(order.Seats) != 1 || !slices.Contains(b.seats[:], order.Seats[0]) {
			t.Fatalf("%s asked for %s or %s and holds %v", b.user, b.seats[0], b.seats[1], order.Seats)
		}
		j := slices.Index(b.seats[:], order.Seats[0])
		won[j]++
		left = append(left, b.seats[1-j])
		if b.answers[0].Status != b.answers[1].Status {
			mismatches++
		}
	}
	rows := map[string]int{}
	for _, row := range s.rowsWhere(t, func(o readmodel.Order) bool { return strings.HasPrefix(o.UserID, user+"-") }) {
		rows[row.UserID]++
	}
	for _, b := range all {
		if rows[b.user] != 1 {
			t.Errorf("%s has %d rows", b.user, rows[b.user])
		}
	}
	t.Logf("%v of %d orders are in each group; %d buyers got idempotency_mismatch at once", won, buyers, mismatches)

	// An order that is enqueued behind these in a group is decided after each of them has held there, if it ever does. From then
	// on a released seat stays free.
	ben := s.signedIn(t, testbed.Named("ben"))
	for i, seat := range behind {
		wantStatus(t, s.waitDecided(t, ben, s.place(t, ben, fmt.Sprintf("key-%d", i), seat).OrderID), contracts.AwaitingPayment)
	}
	eventually(t, decideWithin, func() (bool, string) {
		for _, seat := range left {
			if s.seatState(t, seat) != seatstate.Free {
				return false, seat + " has no order and is not free"
			}
		}
		return true, ""
	})
	for _, a := range s.placeAtOnce(t, len(left), func(i int) apiclient.OrderRequest {
		return apiclient.OrderRequest{ConcertID: s.Concert, Seats: left[i : i+1]}
	}) {
		wantStatus(t, a.order, contracts.AwaitingPayment)
	}
}
