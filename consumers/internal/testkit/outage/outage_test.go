package outage_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/contracts"
)

// scenario is an outage of one dependency.
type scenario struct {
	dependency string
	how        failure
	duration   time.Duration
	processes  int
	// empty says that Redis has lost its data when the outage ends.
	empty bool
}

const (
	// beforeOutage is the time from the first order to the begin of the outage.
	beforeOutage = 90 * time.Second
	// ordersFor is the time within which the orders are sent.
	ordersFor = 240 * time.Second
)

// orders returns how many seat groups and orders the scenario has. An hour has six times the receives of ten minutes and so gets
// fewer orders. With one process of each function breakers are open for the longest time, so that scenario gets the most.
func (s scenario) orders() (groups, orders int) {
	switch {
	case s.duration > 10*time.Minute:
		return 5, 40
	case s.processes == 1:
		return 40, 600
	default:
		return 12, 120
	}
}

func (s scenario) String() string {
	name := fmt.Sprintf("%s %s for %.0f min with %d processes", s.dependency, s.how, s.duration.Minutes(), s.processes)
	if s.empty {
		name += ", then empty"
	}
	return name
}

// keepsPaid has the dependencies in whose outage a buyer who pays a minute before the end of the hold keeps the seats. DynamoDB is
// not one of them: it decides who owns a seat. SQS is not: the result of a bank reaches commit by a queue, while the end of the
// hold is already in another queue.
var keepsPaid = map[string]bool{"Redis": true, "Stripe": true}

// Each process of each function has its own breakers, which open, probe and close by themselves.
func TestRefusedConnectionsLoseNoOrder(t *testing.T) {
	for _, dependency := range []string{"Redis", "DynamoDB", "SQS", "Stripe"} {
		for _, duration := range []time.Duration{10 * time.Minute, time.Hour} {
			for _, processes := range []int{1, 4, 16} {
				try(t, scenario{dependency: dependency, how: refuses, duration: duration, processes: processes})
			}
		}
	}
}

// A silent dependency costs each call its timeout, a swallowed call has its effect, and a dependency that fails half of the time
// opens no breaker.
func TestOtherFailuresLoseNoOrder(t *testing.T) {
	for _, dependency := range []string{"Redis", "DynamoDB", "SQS", "Stripe"} {
		for _, how := range []failure{silent, swallows, throttles, flaps, stalls} {
			try(t, scenario{dependency: dependency, how: how, duration: 10 * time.Minute, processes: 4})
		}
	}
	try(t, scenario{dependency: "DynamoDB", how: flaps, duration: time.Hour, processes: 4})
	try(t, scenario{dependency: "Redis", how: refuses, duration: 10 * time.Minute, processes: 4, empty: true})
}

func try(t *testing.T, s scenario) {
	t.Helper()
	t.Run(s.String(), func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, s.play)
	})
}

// play runs a scenario and checks that every order is settled, every authorisation captured or voided, no dead letter and no note
// of an attempt left, and the backlog drained a minute after the outage.
func (s scenario) play(t *testing.T) {
	groups, orders := s.orders()
	w := newWorld(t, groups)
	start := time.Now()
	w.outageEnd = start.Add(beforeOutage + s.duration)
	w.schedule(s, start.Add(beforeOutage))
	ctx, stop := context.WithCancel(context.Background())
	defer func() { stop(); w.running.Wait() }()
	w.run(ctx, s.processes)

	hold := time.Duration(w.topology.HoldSeconds) * time.Second
	buyers := w.buyers(orders, 0, start, ordersFor)
	buyers = append(buyers, w.buyers(groups, seatsOfGroup-1, w.outageEnd.Add(5*time.Second), 40*time.Second)...)
	w.play(buyers, w.outageEnd.Add(hold+3*time.Minute))
	settled := time.Since(w.outageEnd)
	time.Sleep(hold + time.Minute) // until the messages of ended orders have left the queues

	r := w.result(buyers)
	t.Logf("OUTAGE %s: %s; the last order settled after %.0f s", s, r, settled.Seconds())
	r.check(t)
	if keepsPaid[s.dependency] && r.lostPaid > 0 {
		t.Errorf("%d buyers who paid in time lost their seats", r.lostPaid)
	}
	if r.drained > time.Minute {
		t.Errorf("the backlog drained after %s", r.drained)
	}
	// If half of the calls fail, the note of a message that is done may not be deleted. It has no effect.
	if s.how != flaps && s.how != stalls && len(r.notes) > 0 {
		t.Errorf("notes of attempts are left: %v", r.notes)
	}
	for _, problem := range w.moneyProblems(buyers) {
		t.Error(problem)
	}
}

// schedule sets the outage of a scenario.
func (w *world) schedule(s scenario, from time.Time) {
	d := map[string]*dependency{"Redis": w.redis, "DynamoDB": w.dynamo, "SQS": w.sends, "Stripe": w.stripe}[s.dependency]
	d.how, d.from, d.to = s.how, from, w.outageEnd
	if s.empty {
		time.AfterFunc(time.Until(w.outageEnd)-time.Second, func() {
			for n := range w.groups {
				w.holds.Wipe(seatGroup(n))
			}
		})
	}
}

// result is the result of a scenario.
type result struct {
	waited, receives, most int
	letters                []string
	notes                  map[string]int
	open                   int
	drained                time.Duration
	// lostPaid counts the buyers whose bank authorised the amount a minute before the end of their hold and who have no tickets.
	lostPaid int
	statuses map[contracts.Status]int
}

func (r result) String() string {
	return fmt.Sprintf("%d messages waited, %d receives, %d of one at most, %d letters, drained after %.0f s, %d who paid in time lost their seats, orders %v",
		r.waited, r.receives, r.most, len(r.letters), r.drained.Seconds(), r.lostPaid, r.statuses)
}

func (r result) check(t *testing.T) {
	if len(r.letters) > 0 {
		t.Errorf("%d dead letters, the first: %s", len(r.letters), r.letters[0])
	}
	if r.open > 0 {
		t.Errorf("%d orders are not settled", r.open)
	}
	if r.waited == 0 {
		t.Error("no message waited, so the test shows nothing")
	}
}

func (w *world) result(buyers []*buyer) result {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := result{receives: w.receives, waited: len(w.waited), notes: w.attempts.Open(), statuses: map[contracts.Status]int{}}
	for _, n := range w.most {
		r.most = max(r.most, n)
	}
	if !w.drained.IsZero() {
		r.drained = w.drained.Sub(w.outageEnd)
	}
	for _, m := range w.letters() {
		r.letters = append(r.letters, fmt.Sprintf("%s of %s after %d receives", m.Attributes.Kind, m.Group, m.ReceiveCount))
	}
	for _, b := range buyers {
		if b.row == nil {
			r.open++
			continue
		}
		r.statuses[b.row.Status]++
		if b.paidInTime() && b.row.Status != contracts.Confirmed {
			r.lostPaid++
		}
	}
	return r
}
