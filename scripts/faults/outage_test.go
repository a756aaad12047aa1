package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/faultproxy"
)

// outageLasts is how long a service is away: a minute with FAULTS=long.
func outageLasts() time.Duration {
	if long() {
		return time.Minute
	}
	return 15 * time.Second
}

// outage is a service that goes away while buyers go on, and comes back.
type outage struct {
	*stack
	service string
	// rate is orders a second.
	rate   int
	ledger ledger
	// paidInTime are the orders whose buyers paid before their holds ended.
	mu         sync.Mutex
	paidInTime map[contracts.OrderID]bool
	// who counts what the functions try meanwhile.
	who    *callers
	answer *stopwatch
	stop   context.CancelFunc
	loaded chan struct{}
	begun  time.Time
	mended time.Time
}

const (
	// triesPerSecond is what each process may try at a service that is away; a try at a service of AWS is two attempts.
	triesPerSecond = 2
	attemptsPerTry = 2
	// dialsPerTry: at a Redis that is away a try cannot be seen, only connections. One call makes one, one more for its
	// redirect, and for each the client of a cluster asks its nodes who has which slot.
	dialsPerTry = 5
)

// newOutage brings up a stack with a link to the service, and 20 orders a second; where the service is Stripe their buyers
// pay, and holds are so long that a payment which could not be opened meanwhile still can be made.
func newOutage(t *testing.T, service string) *outage {
	t.Helper()
	o := &outage{service: service, rate: 20, who: newCallers(), paidInTime: map[contracts.OrderID]bool{}, answer: &stopwatch{}, loaded: make(chan struct{})}
	want, buy := settings{links: []string{service}, callers: o.who, busy: true}, func(*apiclient.Client, contracts.OrderID) {}
	switch service {
	case "redis":
		want.commands = true
	case "stripe":
		want.calls, want.hold = []string{service}, int((outageLasts() + 20*time.Second).Seconds())
		o.rate, buy = 10, o.buy
	default:
		want.calls = []string{service}
	}
	o.stack = newStack(t, want)
	if service != "redis" {
		o.calls[service].Hook(func(c faultproxy.Call, _ func()) bool {
			if c.Attempt == 1 {
				o.who.add(c.From, c.Operation)
			}
			return true
		})
	}
	api, err := url.Parse(o.API)
	if err != nil {
		t.Fatal(err)
	}
	o.answer.next, o.answer.host, o.HTTP.Transport = o.HTTP.Transport, api.Host, o.answer
	groups := o.groupsOf(o.Concert)
	ctx, stop := context.WithCancel(t.Context())
	o.stop = stop
	go func() { defer close(o.loaded); o.loadOf(ctx, &o.ledger, o.rate, groups, buy) }()
	eventually(t, decideWithin, func() error {
		if n := len(o.ledger.ids()); n < 3*o.rate {
			return fmt.Errorf("%d orders under way", n)
		}
		return nil
	})
	return o
}

// last breaks the service for as long as an outage lasts. Meanwhile each process tries it seldom, and whoever orders is
// answered as the contract says.
func (o *outage) last(broken, mend func() error) {
	o.t.Helper()
	o.who.begin()
	o.answer.reset()
	if err := broken(); err != nil {
		o.t.Fatal(err)
	}
	o.begun = time.Now()
	over, done := context.WithTimeout(o.t.Context(), outageLasts())
	defer done()
	<-over.Done()
	busiest, tried, known, unknown := o.who.end()
	if err := mend(); err != nil {
		o.t.Fatal(err)
	}
	o.mended = time.Now()
	limit := float64(triesPerSecond)
	switch o.service {
	case "redis":
		limit *= dialsPerTry
	case "dynamodb", "sqs":
		limit *= attemptsPerTry
	}
	most := 0.0
	for function, perSecond := range busiest {
		if most = max(most, perSecond); perSecond > limit {
			o.t.Errorf("a process of %s tried %.1f times a second at a dead %s, want at most %.0f: %s", function, perSecond, o.service, limit, tried)
		}
	}
	// A connection may be gone before the kernel is asked whose it is. If those are many, and were all one process's, would it be
	// too many?
	if unknown > known/4 && most+unknown > limit {
		o.t.Errorf("%.1f tries a second are of processes that are not known, %.1f of known ones: %s", unknown, known, tried)
	}
	o.t.Logf("tried meanwhile, by the busiest process of each function a second: %v; in all: %s", busiest, tried)
}

// recovered goes on for 5 s under load, and then waits until each order is decided and all is as it should be. It answers
// how long after the mend the last order was decided.
func (o *outage) recovered() (decided time.Duration) {
	o.t.Helper()
	more, done := context.WithTimeout(o.t.Context(), 5*time.Second)
	defer done()
	<-more.Done()
	o.stop()
	o.decided(&o.ledger, decideWithin-time.Since(o.mended))
	decided = time.Since(o.mended)
	// Those who pay may wait for their payment still, and one order may have been on its way to the API.
	<-o.loaded
	o.decided(&o.ledger, decideWithin)
	// queue_full is right for a while after a minute in which nothing was decided, payment_busy while no payment is opened.
	right := []string{"503 unavailable", "503 queue_full", "409 seat_taken"}
	if o.service == "stripe" {
		right = append(right, "503 payment_busy")
	}
	for answer, n := range o.ledger.refused {
		if !slices.Contains(right, answer) {
			o.t.Errorf("%d orders were answered %q", n, answer)
		}
	}
	if err := o.noneIsPoison(); err != nil {
		o.t.Error(err)
	}
	o.atRest(&o.ledger, nil, o.HoldFor+decideWithin)
	if o.service == "stripe" {
		o.paid()
	}
	return decided
}

// buy pays an order and notes whether that was in time.
func (o *outage) buy(buyer *apiclient.Client, id contracts.OrderID) {
	// Hundreds wait at once.
	buyer.AsTold = true
	if !o.pay(buyer, id) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paidInTime[id] = true
}

// paid wants each order to be CONFIRMED that was paid in time, and some of them to be held while Stripe was away.
func (o *outage) paid() {
	o.t.Helper()
	rows, err := o.Orders(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	meanwhile, ends := 0, map[contracts.Status]int{}
	for _, row := range rows {
		ends[row.Status]++
		if o.paidInTime[row.OrderID] && row.Status != contracts.Confirmed {
			o.t.Errorf("order %s was paid in time and is %s", row.OrderID, row.Status)
		}
		if at := row.HeldAt; row.Status == contracts.Confirmed && at > contracts.InstantOf(o.begun) && at < contracts.InstantOf(o.mended) {
			meanwhile++
		}
	}
	if meanwhile == 0 {
		o.t.Error("no order that was held meanwhile was paid afterwards")
	}
	o.t.Logf("orders ended as %v; %d were paid in time; %d that were held meanwhile were paid", ends, len(o.paidInTime), meanwhile)
}

// noneIsPoison: no order was ended because nobody could handle it. Letters and notes of attempts are a rule of atRest.
func (o *outage) noneIsPoison() error {
	rows, err := o.Orders(o.t.Context())
	if err != nil {
		return err
	}
	var problems []error
	for _, row := range rows {
		if row.Reason != nil && row.Reason.Code == contracts.ReasonInternal {
			problems = append(problems, fmt.Errorf("order %s is %s(%s)", row.OrderID, row.Status, row.Reason.Code))
		}
	}
	return errors.Join(problems...)
}

// stopwatch knows the slowest answer of the API. It is safe for concurrent use.
type stopwatch struct {
	next http.RoundTripper
	// host is the API's; others are passed on.
	host string

	mu      sync.Mutex
	slowest time.Duration
	since   time.Time
}

// RoundTrip implements http.RoundTripper.
func (w *stopwatch) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != w.host {
		return w.next.RoundTrip(r)
	}
	begun := time.Now()
	response, err := w.next.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if begun.After(w.since) {
		w.slowest = max(w.slowest, time.Since(begun))
	}
	return response, err
}

// reset forgets what was, also of requests that are under way.
func (w *stopwatch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slowest, w.since = 0, time.Now()
}

func (w *stopwatch) read() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.slowest
}
