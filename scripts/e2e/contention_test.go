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
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// attempt is one buyer's order of placeAtOnce, with its response and decision.
type attempt struct {
	user    string
	request apiclient.OrderRequest
	answer  apiclient.Answer
	order   apiclient.Order
}

// placeAtOnce lets n buyers send one order each at the same moment, and waits for all decisions.
func (s *stack) placeAtOnce(t *testing.T, n int, requestOf func(i int) apiclient.OrderRequest) []attempt {
	t.Helper()
	attempts := make([]attempt, n)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range attempts {
		a := &attempts[i]
		a.user, a.request = testbed.Named(fmt.Sprintf("buyer%d", i)), requestOf(i)
		buyer := s.signedIn(t, a.user)
		wg.Go(func() {
			<-gate
			var err error
			a.answer, err = buyer.Place(t.Context(), "key-1", a.request)
			if err != nil {
				t.Error(err)
				return
			}
			var accepted apiclient.Accepted
			if a.answer.Status != http.StatusAccepted {
				return
			}
			if err := a.answer.Decode(&accepted); err != nil {
				t.Error(err)
				return
			}
			a.order = s.waitDecided(t, buyer, accepted.OrderID)
		})
	}
	close(gate)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return attempts
}

// refusedSeatTaken reports whether the buyer was told that the seat is taken, by the response or by the order.
func (a attempt) refusedSeatTaken() bool {
	if a.answer.Status == http.StatusConflict {
		p := a.answer.Problem()
		return p.Code == "seat_taken" && len(p.Seats) > 0
	}
	return a.order.Status == contracts.Rejected && a.order.Reason != nil &&
		a.order.Reason.Code == contracts.ReasonSeatTaken && len(a.order.Reason.Seats) > 0
}

func TestOneOfFiftyBuyersGetsTheSeat(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	seat := s.takeSeats(t, 1)
	var held []attempt
	atOnce := 0
	for _, a := range s.placeAtOnce(t, 50, func(int) apiclient.OrderRequest { return apiclient.OrderRequest{ConcertID: s.Concert, Seats: seat} }) {
		switch {
		case a.order.Status == contracts.AwaitingPayment:
			held = append(held, a)
		case !a.refusedSeatTaken():
			t.Errorf("%s got neither the seat nor the reason: %d %+v %+v", a.user, a.answer.Status, a.answer.Problem(), a.order)
		case a.answer.Status == http.StatusConflict:
			atOnce++
		}
	}
	if len(held) != 1 {
		t.Fatalf("%d buyers hold the seat", len(held))
	}
	t.Logf("1 of 50 holds the seat; %d were refused at once, %d by their order", atOnce, 49-atOnce)
	s.checkFirstEnqueuedIsHeld(t, seat[0])
}

// checkFirstEnqueuedIsHeld checks all rows that asked for a seat: the one with the lowest queue number has it.
func (s *stack) checkFirstEnqueuedIsHeld(t *testing.T, seat string) {
	t.Helper()
	rows := s.rowsWhere(t, func(o readmodel.Order) bool { return slices.Contains(o.Seats, seat) })
	slices.SortFunc(rows, func(a, b readmodel.Order) int { return strings.Compare(a.Fence, b.Fence) })
	if len(rows) == 0 || rows[0].Status == contracts.Rejected {
		t.Errorf("the first order in the queue was refused: %+v", rows)
	}
}

// The pairs overlap like a chain. Each buyer gets both seats or none, and no seat has two buyers.
func TestOverlappingPairsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	seats := s.takeSeats(t, 12)
	owners := map[string]string{}
	held := 0
	for _, a := range s.placeAtOnce(t, 44, func(i int) apiclient.OrderRequest {
		first := i % (len(seats) - 1)
		pair := []string{seats[first], seats[first+1]}
		if i%2 == 1 {
			slices.Reverse(pair)
		}
		return apiclient.OrderRequest{ConcertID: s.Concert, Seats: pair}
	}) {
		if a.order.Status != contracts.AwaitingPayment {
			if !a.refusedSeatTaken() {
				t.Errorf("%s got neither the seats nor the reason: %d %+v", a.user, a.answer.Status, a.order)
			}
			continue
		}
		held++
		if !slices.Equal(a.order.Seats, a.request.Seats) {
			t.Errorf("%s asked for %v and holds %v", a.user, a.request.Seats, a.order.Seats)
		}
		for _, seat := range a.order.Seats {
			if other, twice := owners[seat]; twice {
				t.Errorf("seat %s is held by %s and %s", seat, other, a.user)
			}
			owners[seat] = a.user
		}
	}
	// Pairs are held until no two neighbouring seats are free, so at least every third pair is held.
	if held < len(seats)/3 || held > len(seats)/2 {
		t.Errorf("%d of %d seats' pairs are held", held, len(seats))
	}
}
