package faults

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/faultproxy"
	"boxoffice/scripts/internal/invariants"
)

const (
	orderBuyers = 200
	orderSeats  = 20
)

// 200 orders compete for 20 seats of one group, and the process that decides them is killed three times. The queue's sequence
// numbers, replayed through a simple model, give the same decisions.
//
// Producers refuse at once what Redis shows as taken, so the contention is created behind them: the group's first order is for
// other seats, and its process is killed before it writes the row. Until that message is redelivered, SQS delivers no other
// message of the group, so all 200 are accepted, and the queue alone decides.
func TestOrderUnderContention(t *testing.T) {
	runInParallel(t, 160*time.Second)
	s := newStack(t, settings{hold: 120, calls: []string{"dynamodb"}})
	g, l := s.groupsOf(s.Concert)[0], &ledger{}
	wanted, apart := g.Seats[:orderSeats], g.Seats[orderSeats]

	// At these numbers of written rows the writing process is killed at its next row, before the write takes effect.
	killAt := []int64{0, 40, 110}
	var rows atomic.Int64
	var mu sync.Mutex
	kills := 0
	s.calls["dynamodb"].Hook(func(c faultproxy.Call, forward func()) bool {
		// HELD is written in a transaction with the allowance, REJECTED alone.
		if c.Operation != "PutItem" && c.Operation != "TransactWriteItems" || !c.Mentions(s.Table("orders")) {
			return true
		}
		// pay writes rows too.
		pid, _, err := s.caller("reserve", c.From, c.To)
		if err != nil {
			t.Error(err)
		}
		if pid == 0 {
			return true
		}
		mu.Lock()
		if kills < len(killAt) && rows.Load() >= killAt[kills] {
			defer mu.Unlock()
			kills++
			if err := killAndWait(pid); err != nil {
				t.Errorf("kill %d: %v", kills, err)
			}
			return false
		}
		mu.Unlock()
		forward()
		rows.Add(1)
		return true
	})

	s.mustPlace(l, apart)
	eventually(t, decideWithin, func() error {
		f, err := s.Function(t.Context(), "reserve")
		if err == nil && f.Crashes == 0 {
			err = fmt.Errorf("no process was killed: %+v", f)
		}
		return err
	})
	var sent sync.WaitGroup
	gate := make(chan struct{})
	for i := range orderBuyers {
		at := i * 7 % (orderSeats - 1)
		seats := wanted[at : at+1+i%2]
		sent.Go(func() {
			<-gate
			s.place(l, seats...)
		})
	}
	close(gate)
	sent.Wait()
	if written := rows.Load(); written > 0 {
		t.Errorf("%d rows were written while the orders were sent, so the queue did not decide alone", written)
	}
	if got := len(l.ids()); got != orderBuyers+1 {
		t.Fatalf("%d orders were accepted, refused: %v", got, l.refused)
	}
	took := s.waitDecided(l, 2*decideWithin)

	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	snapshot.Accepted = l.ids()
	held, rejected := decisions(t, snapshot.Orders)
	if kills != len(killAt) || held == 0 || rejected < orderBuyers/2 {
		t.Errorf("%d of %d kills, %d orders HELD and %d REJECTED: too little contention", kills, len(killAt), held, rejected)
	}
	for _, v := range append(invariants.Always(snapshot), invariants.FirstServed(snapshot.Orders)...) {
		t.Error(v)
	}
	s.waitSeatsMatchRows(decideWithin)
	report(t, "%d orders for %d seats of one group, reserve killed %d times (before the first row, at 40 rows, at 110): %d HELD and %d REJECTED as the queue's sequence numbers require, all decided %s after the last was sent",
		orderBuyers, orderSeats, kills, held, rejected, took.Round(time.Second))
}

// decisions counts the orders by decision. A taken seat is the only valid reason of a rejection.
func decisions(t *testing.T, orders []readmodel.Order) (held, rejected int) {
	t.Helper()
	for _, o := range orders {
		switch {
		case o.Status.Open():
			held++
		case o.Status == contracts.Rejected && o.Reason != nil && o.Reason.Code == contracts.ReasonSeatTaken:
			rejected++
		default:
			t.Errorf("order %s at %s is %s %+v", o.OrderID, o.Fence, o.Status, o.Reason)
		}
	}
	return held, rejected
}

// waitSeatsMatchRows waits until Redis matches the rows, and no attempt record is left.
func (s *stack) waitSeatsMatchRows(within time.Duration) {
	s.t.Helper()
	for _, rule := range []string{"places", "dead letter"} {
		eventually(s.t, within, func() error { return s.checkRule(rule) })
	}
}
