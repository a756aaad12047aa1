package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/faultproxy"
	"boxoffice/scripts/internal/testbed"
)

// The queue of orders delivers nothing for a while; then the first decision reports the lag. Orders for that group are told the
// wait. Above 60 s they are refused and nothing is enqueued, and some seconds later they are accepted again. Other groups
// continue. Only FAULTS=long has a wait above 60 s; a unit test of POST has it too.
func TestLagRefusesOrders(t *testing.T) {
	runInParallel(t, 45*time.Second)
	behind, refused := 12*time.Second, false
	if long() {
		behind, refused = 63*time.Second, true
	}
	s := newStack(t, settings{calls: []string{"sqs"}})
	groups, l := s.groupsOf(s.Concert), &ledger{}
	queue := path.Base(s.Queue("orders"))
	s.calls["sqs"].Hook(func(c faultproxy.Call, _ func()) bool { return c.Operation != "ReceiveMessage" || !c.Mentions(queue) })
	late := s.mustPlace(l, groups[0].Seats[:2]...)
	over, done := context.WithTimeout(t.Context(), behind)
	defer done()
	<-over.Done()
	s.calls["sqs"].Hook(nil)
	s.waitForRow(late, decideWithin, hasStatus(contracts.Held))
	decided := time.Now()

	sent := s.calls["sqs"].Count("SendMessage")
	first := s.placeSeat(groups[0].Seats[2])
	if refused {
		if first.Status != http.StatusServiceUnavailable || first.Problem().Code != "queue_full" || first.Header.Get("Retry-After") == "" {
			t.Errorf("an order with a lag of %s got %d %s, Retry-After %q", behind, first.Status, first.Body, first.Header.Get("Retry-After"))
		}
		if n := s.calls["sqs"].Count("SendMessage") - sent; n != 0 {
			t.Errorf("%d messages were sent for an order that was refused", n)
		}
	} else if wait := waitOf(first); wait < behind {
		t.Errorf("an order with a lag of %s got %d, and a wait of %s", behind, first.Status, wait)
	}
	// Nothing was decided in the other group for a while, so its lag is unknown: the wait is 2 to 5 s.
	if other := s.placeSeat(groups[1].Seats[2]); other.Status != http.StatusAccepted || waitOf(other) < 2*time.Second || waitOf(other) > 5*time.Second {
		t.Errorf("an order of another group got %d %s", other.Status, other.Body)
	}
	// Each try is by a new buyer, so it is another order for the same seat.
	eventually(t, 20*time.Second, func() error {
		if a := s.placeSeat(groups[0].Seats[2]); a.Status != http.StatusAccepted && a.Problem().Code != "seat_taken" || waitOf(a) >= behind {
			return fmt.Errorf("response %d %s", a.Status, a.Body)
		}
		return nil
	})
	report(t, "orders not received for %s: first response after it %d %s, orders accepted as before %s after the late decision",
		behind, first.Status, first.Problem().Code, time.Since(decided).Round(time.Second))
	s.waitAtRest(l, nil, s.HoldFor+decideWithin)
}

// Redis is unreachable for over 30 s. Until then orders are accepted without reading the seats, and afterwards refused; once
// Redis is reachable again, every process accepts orders.
func TestRedisOutageRefusesOrders(t *testing.T) {
	runInParallel(t, 100*time.Second)
	s := newStack(t, settings{links: []string{"redis"}})
	groups, l := s.groupsOf(s.Concert), &ledger{}
	s.waitForRow(s.mustPlace(l, groups[0].Seats[:2]...), decideWithin, hasStatus(contracts.Held))
	ctx, stop := context.WithCancel(t.Context())
	loaded := make(chan struct{})
	s.links["redis"].Cut()
	cut := time.Now()
	go func() { defer close(loaded); s.load(ctx, l, 5, groups) }()
	var first apiclient.Answer
	refusedAfter := eventually(t, 45*time.Second, func() error {
		first = s.placeSeat(groups[0].Seats[len(groups[0].Seats)-1])
		if first.Status == http.StatusAccepted {
			return errors.New("still accepted")
		}
		return nil
	})
	if first.Status != http.StatusServiceUnavailable || first.Problem().Code != "unavailable" || first.Header.Get("Retry-After") == "" {
		t.Errorf("response %d %s, Retry-After %q", first.Status, first.Body, first.Header.Get("Retry-After"))
	}
	if refusedAfter < 30*time.Second {
		t.Errorf("refused %s after the cut", refusedAfter)
	}
	taken := len(l.ids())
	if err := s.links["redis"].Mend(); err != nil {
		t.Fatal(err)
	}
	mended := time.Now()
	// More in a row than a process that still refuses would let pass.
	row := 0
	eventually(t, 15*time.Second, func() error {
		answer := s.placeSeat(groups[0].Seats[len(groups[0].Seats)-1])
		if answer.Problem().Code == "unavailable" {
			row = 0
		} else {
			row++
		}
		if row < 10 {
			return fmt.Errorf("%d in a row after %d %s", row, answer.Status, answer.Body)
		}
		return nil
	})
	back := time.Since(mended)
	stop()
	<-loaded
	s.waitDecided(l, decideWithin)
	report(t, "redis cut for %s: %d orders accepted without it, refused from %s on, accepted again by every process %s after the mend",
		mended.Sub(cut).Round(time.Second), taken, refusedAfter.Round(time.Second), back.Round(time.Second))
	s.waitAtRest(l, nil, s.HoldFor+decideWithin)
}

// placeSeat places a new buyer's order for one seat.
func (s *stack) placeSeat(seat string) apiclient.Answer {
	s.t.Helper()
	buyer, err := s.Buyer(testbed.Named("buyer"))
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := buyer.Place(s.t.Context(), "key-1", apiclient.OrderRequest{ConcertID: s.Concert, Seats: []string{seat}})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// waitOf returns the estimated wait in a response, 0 if there is none.
func waitOf(a apiclient.Answer) time.Duration {
	var told struct {
		EstimatedWaitSeconds int `json:"estimatedWaitSeconds"`
	}
	if a.Decode(&told) != nil {
		return 0
	}
	return time.Duration(told.EstimatedWaitSeconds) * time.Second
}
