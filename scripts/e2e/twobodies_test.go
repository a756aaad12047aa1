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

// twice is a buyer who sends two bodies, each for a seat of another group, under one key at the same instant.
type twice struct {
	*apiclient.Client
	user    string
	seats   [2]string
	answers [2]apiclient.Answer
}

// sendBoth lets n buyers send their two orders, all at the same instant, and waits for the answers.
func (s *stack) sendBoth(t *testing.T, user string, groups [2][]string) []twice {
	t.Helper()
	buyers := make([]twice, len(groups[0]))
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range buyers {
		b := &buyers[i]
		b.user = fmt.Sprintf("%s-%d", user, i)
		b.Client, b.seats = s.as(t, b.user), [2]string{groups[0][i], groups[1][i]}
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

// theOrder is the id that the two answers agree on. One of them may be told that the key is another body's.
func (b twice) theOrder(t *testing.T) (id string) {
	t.Helper()
	for _, answer := range b.answers {
		var accepted apiclient.Accepted
		switch {
		case answer.Status == http.StatusUnprocessableEntity && answer.Problem().Code == "idempotency_mismatch":
			continue
		case answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil:
			t.Fatalf("%s was answered %d %s", b.user, answer.Status, answer.Body)
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

// Bodies for two groups at once under one key, by many buyers: the two queues know nothing of each other, and both may
// hold. One of them is the order, and the seat of the other is blocked for nobody.
func TestBodiesForTwoGroupsAtOnceAreOneOrder(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	const buyers = 20
	// One seat more of each group is for whoever comes after all of them.
	groups := [2][]string{s.seats(t, buyers+1), nil}
	groups[1] = s.seatsOutside(t, groups[0][0], buyers+1)
	behind := [2]string{groups[0][buyers], groups[1][buyers]}
	user := testbed.Named("twice")
	all := s.sendBoth(t, user, [2][]string{groups[0][:buyers], groups[1][:buyers]})

	var left []string
	won, mismatches := [2]int{}, 0
	for _, b := range all {
		order := s.decided(t, b.Client, b.theOrder(t))
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
	t.Logf("%v of %d orders are in each group; %d buyers were told of the other body at once", won, buyers, mismatches)

	// An order that was enqueued in a group after all of these is decided when each of them has held there, if it ever
	// does. From then on a seat that is given back stays so.
	ben := s.as(t, testbed.Named("ben"))
	for i, seat := range behind {
		wantStatus(t, s.decided(t, ben, s.place(t, ben, fmt.Sprintf("key-%d", i), seat).OrderID), contracts.AwaitingPayment)
	}
	eventually(t, decideWithin, func() (bool, string) {
		for _, seat := range left {
			if s.stateOf(t, seat) != seatstate.Free {
				return false, seat + " is nobody's and not free"
			}
		}
		return true, ""
	})
	for _, a := range s.crowd(t, len(left), func(i int) apiclient.OrderRequest {
		return apiclient.OrderRequest{ConcertID: s.Concert, Seats: left[i : i+1]}
	}) {
		wantStatus(t, a.order, contracts.AwaitingPayment)
	}
}
