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

// attempts that never come back make a message poison.
const attempts = 3

// An order whose handling kills its function is tried three times, no more. Then its buyer is told, its message is kept
// with the reason, and its group goes on: who came behind it is decided in the queue's order, long before the deadline.
func TestPoisonIsTakenOutOfItsGroup(t *testing.T) {
	sideBySide(t, 40*time.Second)
	s := newStack(t, settings{comesBack: 5 * time.Second, calls: []string{"dynamodb", "sqs"}, commands: true})
	events := s.SubscribeFor(t)
	g, l := s.groupsOf(s.Concert)[0], &ledger{}
	p := poison{s: s, user: testbed.Named("poison")}
	p.stand()

	begun := time.Now()
	_, id := s.acceptedAs(l, p.user, s.Concert, g.Seats[:2])
	p.is(id)
	eventually(t, decideWithin, func() error { return p.killed(1) })
	// Its message stays away until it comes back, and so does the whole group: these are accepted and wait.
	first := s.accepted(l, g.Seats[2:4]...)
	second := s.accepted(l, g.Seats[3:5]...)
	third := s.accepted(l, g.Seats[4:6]...)
	for _, follower := range []contracts.OrderID{first, second, third} {
		if row, found, err := s.Order(t.Context(), follower); err != nil || found {
			t.Fatalf("order %s is %s, %v: the group did not wait", follower, row.Status, err)
		}
	}

	row := s.row(id, decideWithin, in(contracts.Rejected))
	buried := time.Since(begun)
	if row.Reason == nil || row.Reason.Code != contracts.ReasonInternal || row.Version != 1 {
		t.Errorf("the poisoned order is at version %d, for %+v", row.Version, row.Reason)
	}
	s.decided(l, decideWithin)
	decided := time.Since(begun)
	s.inOrder(first, second, third)

	// It is drained by a run of reconcile, this one or the minute's.
	var did map[string]any
	if err := s.Invoke(t.Context(), "reconcile", &did); err != nil {
		t.Fatal(err)
	}
	s.atRest(l, events, decideWithin, "dead letter")
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if snapshot.Dead > 0 || len(snapshot.DeadLetters) != 1 {
		t.Fatalf("%d messages are dead, kept are %+v, want that of the order alone", snapshot.Dead, snapshot.DeadLetters)
	}
	if kept := snapshot.DeadLetters[0]; kept.OrderID != id || kept.Reason != "attempts" || kept.Kind != string(message.KindPlaceOrder) || kept.Body == "" {
		t.Errorf("kept is %+v", kept)
	}
	// Only now is it known that nobody tried again.
	if err := p.killed(attempts); err != nil {
		t.Error(err)
	}
	if calls := p.calls(); !slices.Equal(calls, []string{"dynamodb PutItem", "sqs SendMessage"}) {
		t.Errorf("after the third attempt reserve called %q for the order, want the row and the copy of its burial", calls)
	}
	f, err := s.Function(t.Context(), "reserve")
	if err != nil {
		t.Fatal(err)
	}
	if f.Crashes != attempts {
		t.Errorf("reserve crashed %d times", f.Crashes)
	}
	report(t, "an order that kills reserve: %d attempts, then REJECTED(internal) %s after it was placed and kept with the reason; 3 orders behind it decided in order %s after it",
		attempts, buried.Round(100*time.Millisecond), decided.Round(100*time.Millisecond))
}

// inOrder says that of three orders, of which the second shares a seat with each other one, the first and the third have
// theirs, and that they were decided in that order.
func (s *stack) inOrder(first, second, third contracts.OrderID) {
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

// poison kills reserve whenever it is about to write the row of a buyer's order as HELD. It is safe for concurrent use.
type poison struct {
	s    *stack
	user string

	mu    sync.Mutex
	id    contracts.OrderID
	kills int
	// after are the calls for the order behind the last attempt that it may have.
	after []string
}

// stand puts it before every service.
func (p *poison) stand() {
	for service, calls := range p.s.calls {
		calls.Hook(func(c faultproxy.Call, _ func()) bool { return p.pass(service, c.Operation, c.Body, c.From, c.To) })
	}
	p.s.commands.Hook(func(c faultproxy.Command, _ func()) bool {
		return p.pass("redis", script(c.Sent), c.Sent, c.From, c.To)
	})
}

func (p *poison) is(id contracts.OrderID) {
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
	if err := dead(pid); err != nil {
		p.s.t.Error(err)
	}
	return false
}

// killed says, as an error, if it was not so many times.
func (p *poison) killed(times int) error {
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
