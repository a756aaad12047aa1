package faults

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/faultproxy"
	"boxoffice/scripts/internal/invariants"
	"boxoffice/scripts/internal/testbed"
)

// attempts is the number of unfinished attempts that make a message poison.
const attempts = 3

// An order that kills its function is tried exactly three times. Then its order is rejected, its message is kept with the reason,
// and its group continues: the orders behind it are decided in the queue's order, long before the deadline.
func TestPoisonDoesNotBlockItsGroup(t *testing.T) {
	runInParallel(t, 40*time.Second)
	s := newStack(t, settings{visibility: 5 * time.Second, calls: []string{"dynamodb", "sqs"}, commands: true})
	events := s.SubscribeFor(t)
	g, l := s.groupsOf(s.Concert)[0], &ledger{}
	p := poison{s: s, user: testbed.Named("poison")}
	p.intercept()

	begun := time.Now()
	_, id := s.mustPlaceAs(l, p.user, s.Concert, g.Seats[:2])
	p.setOrder(id)
	eventually(t, decideWithin, func() error { return p.checkKills(1) })
	// Its message is invisible until its redelivery, which blocks the whole group: these orders are accepted and wait.
	first := s.mustPlace(l, g.Seats[2:4]...)
	second := s.mustPlace(l, g.Seats[3:5]...)
	third := s.mustPlace(l, g.Seats[4:6]...)
	for _, follower := range []contracts.OrderID{first, second, third} {
		if row, found, err := s.Order(t.Context(), follower); err != nil || found {
			t.Fatalf("order %s is %s, %v: the group did not wait", follower, row.Status, err)
		}
	}

	row := s.waitForRow(id, decideWithin, hasStatus(contracts.Rejected))
	buried := time.Since(begun)
	if row.Reason == nil || row.Reason.Code != contracts.ReasonInternal || row.Version != 1 {
		t.Errorf("the poisoned order is at version %d, for %+v", row.Version, row.Reason)
	}
	s.waitDecided(l, decideWithin)
	decided := time.Since(begun)
	s.checkDecisionOrder(first, second, third)

	// A run of reconcile drains it, this one or the schedule's.
	var did map[string]any
	if err := s.Invoke(t.Context(), "reconcile", &did); err != nil {
		t.Fatal(err)
	}
	s.waitAtRest(l, events, decideWithin, "dead letter")
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if snapshot.Dead > 0 || len(snapshot.DeadLetters) != 1 {
		t.Fatalf("%d messages in dead-letter queues, kept %+v; want only the order's message, kept", snapshot.Dead, snapshot.DeadLetters)
	}
	if kept := snapshot.DeadLetters[0]; kept.OrderID != id || kept.Reason != "attempts" || kept.Kind != string(message.KindPlaceOrder) || kept.Body == "" {
		t.Errorf("the kept letter is %+v", kept)
	}
	// Only now is it certain that there was no further attempt.
	if err := p.checkKills(attempts); err != nil {
		t.Error(err)
	}
	if calls := p.calls(); !slices.Equal(calls, []string{"dynamodb PutItem", "sqs SendMessage"}) {
		t.Errorf("after the third attempt reserve called %q for the order, want only the REJECTED row and the copy of the message", calls)
	}
	f, err := s.Function(t.Context(), "reserve")
	if err != nil {
		t.Fatal(err)
	}
	if f.Crashes != attempts {
		t.Errorf("reserve crashed %d times", f.Crashes)
	}
	report(t, "an order that kills reserve: %d attempts, then REJECTED(internal) %s after it was placed, its message kept with the reason; 3 orders behind it decided in order %s after it",
		attempts, buried.Round(100*time.Millisecond), decided.Round(100*time.Millisecond))
}

// checkDecisionOrder checks three orders, of which the second shares a seat with each of the others: the first and the third are
// HELD, the second is REJECTED, and they were decided in this order.
func (s *stack) checkDecisionOrder(first, second, third contracts.OrderID) {
	s.t.Helper()
	orders, err := s.Orders(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, v := range invariants.FirstServed(orders) {
		s.t.Error(v)
	}
	byID := map[contracts.OrderID]readmodel.Order{}
	for _, o := range orders {
		byID[o.OrderID] = o
	}
	var last contracts.Instant
	for _, want := range []struct {
		id     contracts.OrderID
		status contracts.Status
	}{{first, contracts.Held}, {second, contracts.Rejected}, {third, contracts.Held}} {
		decision := byID[want.id].History[0]
		if decision.Status != want.status || decision.At < last {
			s.t.Errorf("order %s was %s at %s, want %s, not before %s", want.id, decision.Status, decision.At, want.status, last)
		}
		last = decision.At
	}
}

// poison kills reserve whenever it is about to write a buyer's order as HELD. It is safe for concurrent use.
type poison struct {
	s    *stack
	user string

	mu    sync.Mutex
	id    contracts.OrderID
	kills int
	// after are the calls for the order after the last permitted attempt.
	after []string
}

// intercept hooks the calls to every service.
func (p *poison) intercept() {
	for service, calls := range p.s.calls {
		calls.Hook(func(c faultproxy.Call, _ func()) bool { return p.pass(service, c.Operation, c.Body, c.From, c.To) })
	}
	p.s.commands.Hook(func(c faultproxy.Command, _ func()) bool {
		return p.pass("redis", script(c.Sent), c.Sent, c.From, c.To)
	})
}

func (p *poison) setOrder(id contracts.OrderID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = id
}

func (p *poison) pass(service, operation string, body []byte, from, to string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	kills := operation == "TransactWriteItems" && bytes.Contains(body, []byte(p.user)) && bytes.Contains(body, []byte(contracts.Held))
	late := p.kills >= attempts && bytes.Contains(body, []byte(p.id))
	if !kills && !late || p.s.t.Context().Err() != nil {
		return true
	}
	pid, _, err := p.s.caller("reserve", from, to)
	if err != nil {
		p.s.t.Error(err)
	}
	if pid == 0 {
		return true
	}
	if late {
		p.after = append(p.after, service+" "+operation)
	}
	if !kills {
		return true
	}
	p.kills++
	if err := killAndWait(pid); err != nil {
		p.s.t.Error(err)
	}
	return false
}

// checkKills returns an error unless reserve was killed that many times.
func (p *poison) checkKills(times int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kills != times {
		return fmt.Errorf("reserve was killed %d times, want %d", p.kills, times)
	}
	return nil
}

func (p *poison) calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.after)
}
