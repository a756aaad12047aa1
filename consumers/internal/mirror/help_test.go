package mirror_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/telemetry"
)

// A place is sold in Redis to an order that does not own it any more: its sale is taken back, and then the owner's made.
// Whose ticket it is besides does not matter, and one ticket is all that is read.
func TestHelp(t *testing.T) {
	for name, ticket := range map[string]func(w *world, owner contracts.OrderID){
		"the ticket is there":      func(*world, contracts.OrderID) {},
		"nobody has the ticket":    func(w *world, _ contracts.OrderID) { w.rows.RemoveTicket(group, "A-1") },
		"a third one's ticket":     func(w *world, _ contracts.OrderID) { w.rows.PutTicket(group, "A-1", "e1third") },
		"the other seat's tickets": func(w *world, _ contracts.OrderID) { w.rows.PutTicket(group, "A-2", "e1third") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			former := w.row(t, contracts.Refunded, "A-1", "A-3")
			if _, err := w.store.Sell(t.Context(), v1(group), former.OrderID, []int{0, 2}, 1); err != nil {
				t.Fatal(err)
			}
			owner := w.row(t, contracts.Committed, "A-2", "A-1")
			ticket(w, owner.OrderID)
			w.mirror(t, owner.OrderID)
			// Of the former owner's sale only the seat in the way was taken back: the rest is its own mirror's to do.
			if got := w.shown(owner.OrderID, former.OrderID); got != "s0 s0 s1 . . . " || w.broken() {
				t.Errorf("Redis shows %q, metrics %s", got, w.metrics.String())
			}
			if n := len(slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return c != "ticket" })); n != 1 {
				t.Errorf("%d tickets were read: %v", n, w.calls)
			}
			w.mirror(t, former.OrderID)
			if got := w.shown(owner.OrderID, former.OrderID); got != "s0 s0 . . . . " {
				t.Errorf("in the end Redis shows %q", got)
			}
		})
	}
}

// Each of an order's seats may be sold to another order that does not own it any more.
func TestHelpForEachSeat(t *testing.T) {
	w := newWorld(t)
	var seats []string
	for place := range 3 {
		seat := fmt.Sprint("A-", place+1)
		former := w.row(t, contracts.Revoked, seat)
		if _, err := w.store.Sell(t.Context(), v1(group), former.OrderID, []int{place}, 1); err != nil {
			t.Fatal(err)
		}
		seats = append(seats, seat)
	}
	owner := w.row(t, contracts.Confirmed, seats...)
	w.mirror(t, owner.OrderID)
	if got := w.shown(owner.OrderID); got != "s0 s0 s0 . . . " || w.broken() {
		t.Errorf("Redis shows %q, metrics %s", got, w.metrics.String())
	}
}

// The other order's row is as it was sold, and its ticket is gone: a ticket leaves an order only with its row. The ticket
// decides, and somebody is told.
func TestAPaidOrderWithoutItsTicketIsAnAlarm(t *testing.T) {
	w := newWorld(t)
	former := w.row(t, contracts.Confirmed, "A-1")
	w.mirror(t, former.OrderID)
	owner := w.row(t, contracts.Committed, "A-1") // its ticket is in the place of the former one's
	w.mirror(t, owner.OrderID)
	if got := w.shown(owner.OrderID); got != "s0 . . . . . " || !w.broken() {
		t.Errorf("Redis shows %q, metrics %s", got, w.metrics.String())
	}
}

// A version without an entry in the history has no instant from which its lag could be measured.
func TestLagIsOfVersionsWithAnEntry(t *testing.T) {
	lags := func(w *world) int { return strings.Count(w.metrics.String(), telemetry.MirrorLag.Name+`":`) }
	w := newWorld(t)
	o := w.row(t, contracts.AwaitingPayment, "A-1")
	w.become(t, o.OrderID, contracts.AwaitingPayment)
	w.now += 250
	w.mirror(t, o.OrderID)
	if n := lags(w); n != 1 || !strings.Contains(w.metrics.String(), `"MirrorLag":250`) {
		t.Errorf("%d lags: %s", n, w.metrics.String())
	}
	row, _, err := w.rows.Read(t.Context(), o.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	noted := row
	noted.Version++
	if err := w.rows.Update(t.Context(), row, noted); err != nil {
		t.Fatal(err)
	}
	w.now += 60_000
	w.mirror(t, o.OrderID)
	if n := lags(w); n != 1 || w.store.Inspect(group).Records[o.OrderID].Version != noted.Version {
		t.Errorf("%d lags after a version without an entry: %s", n, w.metrics.String())
	}
}
