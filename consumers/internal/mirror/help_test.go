package mirror_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/telemetry"
)

// A place is sold in Redis to an order that does not own it any more: that sale is taken back, and then the owner's is made.
// The ticket's owner does not matter, and only one ticket is read.
func TestAFormerOwnersSaleIsTakenBack(t *testing.T) {
	for name, ticket := range map[string]func(w fixture, owner contracts.OrderID){
		"the ticket is there":     func(fixture, contracts.OrderID) {},
		"the ticket is gone":      func(w fixture, _ contracts.OrderID) { w.Rows.RemoveTicket(group, "A-1") },
		"another order's ticket":  func(w fixture, _ contracts.OrderID) { w.Rows.PutTicket(group, "A-1", "e1third") },
		"the other seat's ticket": func(w fixture, _ contracts.OrderID) { w.Rows.PutTicket(group, "A-2", "e1third") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			former := w.put(t, contracts.Refunded, "A-1", "A-3")
			w.sell(t, former.OrderID, 1, 0, 2)
			owner := w.put(t, contracts.Committed, "A-2", "A-1")
			ticket(w, owner.OrderID)
			w.mirror(t, owner.OrderID)
			// Only the seat in the way was taken back: the former owner's own mirror takes back the rest.
			w.WantPlaces(t, group, sold(owner), sold(owner), sold(former))
			w.WantAlarm(t, false)
			if n := w.Count(world.Ticket); n != 1 {
				t.Errorf("%d tickets were read, want 1: %v", n, w.Calls())
			}
			w.mirror(t, former.OrderID)
			w.WantPlaces(t, group, sold(owner), sold(owner))
		})
	}
}

// Each of an order's seats may be sold to another order that does not own it any more.
func TestAFormerOwnersSaleIsTakenBackForEachSeat(t *testing.T) {
	w := newFixture(t)
	var seats []string
	for place := range 3 {
		seat := fmt.Sprint("A-", place+1)
		former := w.put(t, contracts.Revoked, seat)
		w.sell(t, former.OrderID, 1, place)
		seats = append(seats, seat)
	}
	owner := w.put(t, contracts.Confirmed, seats...)
	w.mirror(t, owner.OrderID)
	w.WantPlaces(t, group, sold(owner), sold(owner), sold(owner))
	w.WantAlarm(t, false)
}

// The other order's row is as it was when it was sold, and its ticket is gone, which only a new version of the row can do. The
// ticket decides, and an alarm reports it.
func TestAPaidOrderWithoutItsTicketIsAnAlarm(t *testing.T) {
	w := newFixture(t)
	former := w.put(t, contracts.Confirmed, "A-1")
	w.mirror(t, former.OrderID)
	owner := w.put(t, contracts.Committed, "A-1") // its ticket replaces the former one's
	w.mirror(t, owner.OrderID)
	w.WantPlaces(t, group, sold(owner))
	w.WantAlarm(t, true)
}

// A version without an entry in the history has no instant from which its lag could be measured.
func TestLagIsMeasuredOfVersionsWithAnEntry(t *testing.T) {
	lags := func(w fixture) int { return strings.Count(w.Metrics.String(), telemetry.MirrorLag.Name+`":`) }
	w := newFixture(t)
	o := w.put(t, contracts.AwaitingPayment, "A-1")
	w.become(t, o.OrderID, contracts.AwaitingPayment)
	w.Advance(250 * time.Millisecond)
	w.mirror(t, o.OrderID)
	if n := lags(w); n != 1 || !strings.Contains(w.Metrics.String(), `"MirrorLag":250`) {
		t.Errorf("%d lags: %s", n, w.Metrics.String())
	}
	row := w.Row(t, o.OrderID)
	noted := row
	noted.Version++
	if err := w.Rows.Update(t.Context(), row, noted); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	w.mirror(t, o.OrderID)
	w.recorded(t, o.OrderID, noted.Version)
	if n := lags(w); n != 1 {
		t.Errorf("%d lags after a version without an entry: %s", n, w.Metrics.String())
	}
}
