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

// halls returns both sample concerts: one with few groups and one with many.
func (s *stack) halls() []hall {
	s.t.Helper()
	var all []hall
	for _, concert := range []string{s.Concert, s.Arena} {
		all = append(all, hall{concert, s.groupsOf(concert)})
	}
	return all
}

// pair returns the n-th pair of seats of a hall; consecutive pairs are in different groups. None is in the last group, which is
// reserved for the test itself.
func (h hall) pair(n int) []string {
	others := len(h.groups) - 1
	seats := h.groups[n%others].Seats
	at := 2 * (n / others) % (len(seats) - 1)
	return seats[at : at+2]
}

// last returns that group.
func (h hall) last() apiclient.Group { return h.groups[len(h.groups)-1] }

// patrons brings orders to every end that needs no payment, in every hall: two buyers want each pair of seats at the same moment,
// so one of them is HELD and usually the other REJECTED; every second hold is cancelled, the others expire. rate is pairs a
// second. It returns when the last order has been sent and cancelled.
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

// giveUp cancels an order as its buyer, once it is decided, unless it has ended.
func (s *stack) giveUp(buyer *apiclient.Client, id contracts.OrderID) {
	ctx, cancel := context.WithTimeout(s.t.Context(), decideWithin)
	defer cancel()
	if o, err := buyer.WaitFor(ctx, string(id), apiclient.Decided); err != nil || !o.Status.Open() {
		return
	}
	// The test judges the order's row, not this response.
	_, _ = buyer.Do(ctx, http.MethodDelete, "/orders/"+string(id), nil, nil)
}

// countVersions returns the number of versions of all rows.
func countVersions(rows []readmodel.Order) (n int) {
	for _, o := range rows {
		n += o.Version
	}
	return n
}

// checkEvents compares the events with the rows' histories: each version was published with the status that it had.
func checkEvents(rows []readmodel.Order, events *testbed.Subscription, detailType func(contracts.Status) string) error {
	for _, o := range rows {
		for _, h := range o.History {
			if got, want := events.Seen(invariants.Version(o.OrderID, h.Version)), detailType(h.Status); got != want {
				return fmt.Errorf("version %d of order %s is %s and was published as %q", h.Version, o.OrderID, h.Status, got)
			}
		}
	}
	return nil
}

// countByStatus counts the rows by concert and status.
func countByStatus(rows []readmodel.Order) map[string]int {
	n := map[string]int{}
	for _, o := range rows {
		n[o.ConcertID+" "+string(o.Status)]++
	}
	return n
}
