package outage_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/contracts"
)

// scenario is a dependency that is away for a time.
type scenario struct {
	dependency string
	how        manner
	away       time.Duration
	processes  int
	// empty has Redis come back without anything.
	empty bool
}

// lead is how long the world is well before. Orders come in from its beginning on.
const (
	lead   = 90 * time.Second
	coming = 240 * time.Second
)

// An hour has six times the receives of ten minutes, so it has fewer orders. With one process of each function breakers are open
// longest, so that has most.
func (s scenario) orders() (groups, orders int) {
	switch {
	case s.away > 10*time.Minute:
		return 5, 40
	case s.processes == 1:
		return 40, 600
	default:
		return 12, 120
	}
}

func (s scenario) String() string {
	name := fmt.Sprintf("%s %s for %.0f min with %d processes", s.dependency, s.how, s.away.Minutes(), s.processes)
	if s.empty {
		name += ", then empty"
	}
	return name
}

// keepsPaid are the dependencies whose absence costs nobody his seats who paid a minute before his hold's end. DynamoDB is none:
// it decides who owns a seat. SQS is none: what a bank has said reaches commit by a queue, and the end of a hold waits in
// another one already.
var keepsPaid = map[string]bool{"Redis": true, "Stripe": true}

// A dependency is away for ten minutes and for an hour, and each process of each function has breakers of its own, which open,
// probe and close by themselves.
func TestOutages(t *testing.T) {
	for _, dependency := range []string{"Redis", "DynamoDB", "SQS", "Stripe"} {
		for _, away := range []time.Duration{10 * time.Minute, time.Hour} {
			for _, processes := range []int{1, 4, 16} {
				try(t, scenario{dependency: dependency, how: refuses, away: away, processes: processes})
			}
		}
	}
}

// Being away has other faces than a connection that is refused: silence costs a timeout each time, what is swallowed has its
// effect, and what fails half of the time opens no breaker.
func TestOutagesOfOtherKinds(t *testing.T) {
	for _, dependency := range []string{"Redis", "DynamoDB", "SQS", "Stripe"} {
		for _, how := range []manner{silent, swallows, throttles, flaps, stalls} {
			try(t, scenario{dependency: dependency, how: how, away: 10 * time.Minute, processes: 4})
		}
	}
	try(t, scenario{dependency: "DynamoDB", how: flaps, away: time.Hour, processes: 4})
	try(t, scenario{dependency: "Redis", how: refuses, away: 10 * time.Minute, processes: 4, empty: true})
}

func try(t *testing.T, s scenario) {
	t.Helper()
	t.Run(s.String(), func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, s.play)
	})
}

// play plays a scenario to its end: every order settled and every authorisation captured or voided, no dead letter, no note of an
// attempt, and a backlog that has drained a minute after the mend.
func (s scenario) play(t *testing.T) {
	groups, orders := s.orders()
	w := newWorld(t, groups)
	start := time.Now()
	w.mend = start.Add(lead + s.away)
	w.plan(s, start.Add(lead))
	ctx, stop := context.WithCancel(context.Background())
	defer func() { stop(); w.running.Wait() }()
	w.run(ctx, s.processes)

	hold := time.Duration(w.topology.HoldSeconds) * time.Second
	buyers := w.buyers(orders, 0, start, coming)
	buyers = append(buyers, w.buyers(groups, seatsOfGroup-1, w.mend.Add(5*time.Second), 40*time.Second)...)
	w.play(buyers, w.mend.Add(hold+3*time.Minute))
	settled := time.Since(w.mend)
	time.Sleep(hold + time.Minute) // what is in the queues for orders that have ended

	r := w.result(buyers)
	t.Logf("OUTAGE %s: %s; the last order settled after %.0f s", s, r, settled.Seconds())
	r.check(t)
	if keepsPaid[s.dependency] && r.lostPaid > 0 {
		t.Errorf("%d buyers who paid in time have lost their seats", r.lostPaid)
	}
	if r.drained > time.Minute {
		t.Errorf("the backlog has drained after %s", r.drained)
	}
	// What fails half of the time may keep the note of a message that is done; nobody asks for it any more.
	if s.how != flaps && s.how != stalls && len(r.notes) > 0 {
		t.Errorf("notes of attempts are left: %v", r.notes)
	}
	for _, problem := range w.owed(buyers) {
		t.Error(problem)
	}
}

// plan plans the outage.
func (w *world) plan(s scenario, from time.Time) {
	d := map[string]*dependency{"Redis": w.redis, "DynamoDB": w.dynamo, "SQS": w.sends, "Stripe": w.stripe}[s.dependency]
	d.how, d.from, d.to = s.how, from, w.mend
	if s.empty {
		time.AfterFunc(time.Until(w.mend)-time.Second, func() {
			for n := range w.groups {
				w.holds.Wipe(seatGroup(n))
			}
		})
	}
}

// result is what an outage came to.
type result struct {
	waited, receives, most int
	letters                []string
	notes                  map[string]int
	open                   int
	drained                time.Duration
	// lostPaid are the buyers whose bank put the amount aside a minute before the end of their hold and who have no tickets.
	lostPaid int
	statuses map[contracts.Status]int
}

func (r result) String() string {
	return fmt.Sprintf("%d messages waited, %d receives, %d of one at most, %d letters, drained after %.0f s, %d who paid in time have lost their seats, orders %v",
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
		t.Error("nothing waited, so nothing was shown")
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
		r.drained = w.drained.Sub(w.mend)
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
