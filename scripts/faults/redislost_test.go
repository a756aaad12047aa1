package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// reloaded bounds the time from the loss of Redis until every group of the sample concerts is loaded again. reconcile has 200
// groups loaded a minute, and there are 222, of which requested ones are loaded at once: so two of its runs, and their work.
const reloaded = 150 * time.Second

// Redis is emptied under load while 20 orders hold seats. None of those seats is offered to another order afterwards, nothing
// livelocks, and after the second run of reconcile the seat maps of both concerts match the rows.
func TestRedisIsEmptied(t *testing.T) {
	runInParallel(t, 100*time.Second)
	s := newStack(t, settings{hold: 40})
	groups, l := s.groupsOf(s.Concert), &ledger{}
	var held []contracts.OrderID
	for i := range 20 {
		g := groups[i%len(groups)]
		at := 2 * (i / len(groups))
		held = append(held, s.mustPlace(l, g.Seats[len(g.Seats)-2-at:len(g.Seats)-at]...))
	}
	var rows []readmodel.Order
	for _, id := range held {
		rows = append(rows, s.waitForRow(id, decideWithin, hasStatus(contracts.Held)))
	}
	ctx, stop := context.WithCancel(t.Context())
	loaded := make(chan struct{})
	go func() { defer close(loaded); s.load(ctx, l, 20, groups) }()
	eventually(t, decideWithin, func() error {
		if len(l.ids()) < 60 {
			return fmt.Errorf("%d orders under way", len(l.ids()))
		}
		return nil
	})
	if err := s.Redis.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	emptied := time.Now()
	// Other buyers order the seats of the held rows again and again.
	var again int
	for time.Since(emptied) < 10*time.Second {
		for _, row := range rows {
			if _, ok := s.place(l, row.Seats...); ok {
				again++
			}
		}
	}
	stop()
	<-loaded
	took := s.waitDecided(l, decideWithin)
	// Only if Redis lost a hold whose row was not written yet may a seat have two open orders; never one of those 20.
	all, err := s.Orders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]contracts.OrderID{}
	for _, row := range rows {
		for _, seat := range row.Seats {
			of[row.Group+"/"+seat] = row.OrderID
		}
	}
	for _, o := range all {
		for _, seat := range o.Seats {
			if owner, ours := of[o.Group+"/"+seat]; ours && owner != o.OrderID && o.Status != contracts.Rejected {
				t.Errorf("seat %s of %s was offered to %s, which is %s", seat, owner, o.OrderID, o.Status)
			}
		}
	}
	if again == 0 {
		t.Error("no order for the held seats was accepted, so nothing was tested")
	}
	eventually(t, reloaded-time.Since(emptied), func() error { return s.checkRule("places") })
	report(t, "redis emptied once under 20 orders/s with %d rows HELD, %d orders for their seats accepted meanwhile: all decided %s after the load ended, seats match rows %s after the loss",
		len(rows), again, took.Round(time.Second), time.Since(emptied).Round(time.Second))
	s.waitAtRest(l, nil, s.HoldFor+decideWithin, "one order a seat")
}
