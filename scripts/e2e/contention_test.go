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

// attempt is what became of one buyer of a crowd.
type attempt struct {
	user    string
	request apiclient.OrderRequest
	answer  apiclient.Answer
	order   apiclient.Order
}

// crowd lets each of n buyers send one order at the same instant and waits for all decisions.
func (s *stack) crowd(t *testing.T, n int, requestOf func(i int) apiclient.OrderRequest) []attempt {
	t.Helper()
	attempts := make([]attempt, n)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range attempts {
		a := &attempts[i]
		a.user, a.request = testbed.Named(fmt.Sprintf("buyer%d", i)), requestOf(i)
		buyer := s.as(t, a.user)
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
			a.order = s.decided(t, buyer, accepted.OrderID)
		})
	}
	close(gate)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return attempts
}

// refusedWithReason says whether the buyer was told that the seat is another's, at once or by the order.
func (a attempt) refusedWithReason() bool {
	if a.answer.Status == http.StatusConflict {
		p := a.answer.Problem()
		return p.Code == "seat_taken" && len(p.Seats) > 0
	}
	return a.order.Status == contracts.Rejected && a.order.Reason != nil &&
		a.order.Reason.Code == contracts.ReasonSeatTaken && len(a.order.Reason.Seats) > 0
}

func TestOneSeatWantedByFiftyBuyers(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	seat := s.seats(t, 1)
	var held []attempt
	atOnce := 0
	for _, a := range s.crowd(t, 50, func(int) apiclient.OrderRequest { return apiclient.OrderRequest{ConcertID: s.Concert, Seats: seat} }) {
		switch {
		case a.order.Status == contracts.AwaitingPayment:
			held = append(held, a)
		case !a.refusedWithReason():
			t.Errorf("%s was neither held nor told why: %d %+v %+v", a.user, a.answer.Status, a.answer.Problem(), a.order)
		case a.answer.Status == http.StatusConflict:
			atOnce++
		}
	}
	if len(held) != 1 {
		t.Fatalf("%d buyers hold the seat", len(held))
	}
	t.Logf("1 of 50 holds the seat; %d were refused at once, %d by their order", atOnce, 49-atOnce)
	s.firstEnqueuedIsFirstServed(t, seat[0])
}

// firstEnqueuedIsFirstServed compares the rows that asked for a seat: of those decided while it was free for the first
// time, the one that SQS took first has it.
func (s *stack) firstEnqueuedIsFirstServed(t *testing.T, seat string) {
	t.Helper()
	rows := s.rowsWhere(t, func(o readmodel.Order) bool { return slices.Contains(o.Seats, seat) })
	slices.SortFunc(rows, func(a, b readmodel.Order) int { return strings.Compare(a.Fence, b.Fence) })
	if len(rows) == 0 || rows[0].Status == contracts.Rejected {
		t.Errorf("the first order in the queue was refused: %+v", rows)
	}
}

// Pairs that overlap like a chain: a buyer has both seats or none, and no seat has two buyers.
func TestOverlappingPairsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	seats := s.seats(t, 12)
	owners := map[string]string{}
	held := 0
	for _, a := range s.crowd(t, 44, func(i int) apiclient.OrderRequest {
		first := i % (len(seats) - 1)
		pair := []string{seats[first], seats[first+1]}
		if i%2 == 1 {
			slices.Reverse(pair)
		}
		return apiclient.OrderRequest{ConcertID: s.Concert, Seats: pair}
	}) {
		if a.order.Status != contracts.AwaitingPayment {
			if !a.refusedWithReason() {
				t.Errorf("%s was neither held nor told why: %d %+v", a.user, a.answer.Status, a.order)
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
	// Pairs are taken until no two neighbours are free: at least every third pair of seats is held.
	if held < len(seats)/3 || held > len(seats)/2 {
		t.Errorf("%d of %d seats' pairs are held", held, len(seats))
	}
}
