package faults

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/invariants"
	"boxoffice/scripts/internal/testbed"
)

// hall is a concert with its seat groups.
type hall struct {
	concert string
	groups  []apiclient.Group
}

// halls are both sample concerts, of few groups and of many.
func (s *stack) halls() []hall {
	s.t.Helper()
	var all []hall
	for _, concert := range []string{s.Concert, s.Arena} {
		all = append(all, hall{concert, s.groupsOf(concert)})
	}
	return all
}

// pair is the n-th pair of seats of a hall, each in another group than the one before. None is in the last group, which
// is left to the test itself.
func (h hall) pair(n int) []string {
	others := len(h.groups) - 1
	seats := h.groups[n%others].Seats
	at := 2 * (n / others) % (len(seats) - 1)
	return seats[at : at+2]
}

// last is that group.
func (h hall) last() apiclient.Group { return h.groups[len(h.groups)-1] }

// patrons bring orders to every end that there is without payment, in every hall: each pair of seats is wanted by two
// buyers at the same moment, so that one of them is HELD and most often the other REJECTED; every other hold is given up,
// the rest runs out. Rate is pairs a second. It answers when the last order has been sent and given up.
func (s *stack) patrons(ctx context.Context, l *ledger, rate int, halls []hall) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var sent sync.WaitGroup
	defer sent.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h := halls[n%len(halls)]
		seats := h.pair(n / len(halls))
		for range 2 {
			sent.Go(func() {
				buyer, id, ok := s.placeAs(l, testbed.Named("patron"), h.concert, seats)
				if ok && n/len(halls)%2 == 0 {
					s.giveUp(buyer, id)
				}
			})
		}
	}
}

// giveUp cancels an order as its buyer, once it is decided; one that is not HELD any more is left.
func (s *stack) giveUp(buyer *apiclient.Client, id contracts.OrderID) {
	ctx, cancel := context.WithTimeout(s.t.Context(), decideWithin)
	defer cancel()
	if o, err := buyer.WaitFor(ctx, string(id), apiclient.Decided); err != nil || !o.Status.Open() {
		return
	}
	// What becomes of it is judged by its row.
	_, _ = buyer.Do(ctx, http.MethodDelete, "/orders/"+string(id), nil, nil)
}

// versions is how many versions the rows have in all.
func versions(rows []readmodel.Order) (n int) {
	for _, o := range rows {
		n += o.Version
	}
	return n
}

// told compares the events with the histories of the rows: each version came out as the status that it had then.
func told(rows []readmodel.Order, events *testbed.Subscription, detailType func(contracts.Status) string) error {
	for _, o := range rows {
		for _, h := range o.History {
			if got, want := events.Seen(invariants.Version(o.OrderID, h.Version)), detailType(h.Status); got != want {
				return fmt.Errorf("version %d of order %s is %s and came out as %q", h.Version, o.OrderID, h.Status, got)
			}
		}
	}
	return nil
}

// ends counts the rows by concert and status.
func ends(rows []readmodel.Order) map[string]int {
	n := map[string]int{}
	for _, o := range rows {
		n[o.ConcertID+" "+string(o.Status)]++
	}
	return n
}
