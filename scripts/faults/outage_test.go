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

// outageDuration is how long a service is unreachable: a minute with FAULTS=long.
func outageDuration() time.Duration {
	if long() {
		return time.Minute
	}
	return 15 * time.Second
}

// outage is a service that fails and recovers under load.
type outage struct {
	*stack
	service string
	// rate is the number of orders a second.
	rate   int
	ledger ledger
	// paidInTime are the orders whose buyers paid before their holds ended.
	mu         sync.Mutex
	paidInTime map[contracts.OrderID]bool
	// callers counts the functions' tries during the outage.
	callers       *callers
	responseTimes *stopwatch
	stop          context.CancelFunc
	loaded        chan struct{}
	brokenAt      time.Time
	mendedAt      time.Time
}

const (
	// triesPerSecond bounds the tries of each process at an unreachable service; one try at an AWS service is two attempts.
	triesPerSecond = 2
	attemptsPerTry = 2
	// dialsPerTry bounds the connections of one try. At an unreachable Redis only connections can be counted, not tries. A call
	// makes one, one more for its redirect, and for each the cluster client asks its nodes for the slots.
	dialsPerTry = 5
)

// newOutage starts a stack with a link to the service, and a load of 20 orders a second. With Stripe the buyers pay, and holds
// are long enough that payments which could not be opened during the outage can be made afterwards.
func newOutage(t *testing.T, service string) *outage {
	t.Helper()
	o := &outage{service: service, rate: 20, callers: newCallers(), paidInTime: map[contracts.OrderID]bool{}, responseTimes: &stopwatch{}, loaded: make(chan struct{})}
	want, buy := settings{links: []string{service}, callers: o.callers, busy: true}, func(*apiclient.Client, contracts.OrderID) {}
	switch service {
	case "redis":
		want.commands = true
	case "stripe":
		want.calls, want.hold = []string{service}, int((outageDuration() + 20*time.Second).Seconds())
		o.rate, buy = 10, o.buy
	default:
		want.calls = []string{service}
	}
	o.stack = newStack(t, want)
	if service != "redis" {
		o.calls[service].Hook(func(c faultproxy.Call, _ func()) bool {
			if c.Attempt == 1 {
				o.callers.add(c.From, c.Operation)
			}
			return true
		})
	}
	api, err := url.Parse(o.API)
	if err != nil {
		t.Fatal(err)
	}
	o.responseTimes.next, o.responseTimes.host, o.HTTP.Transport = o.HTTP.Transport, api.Host, o.responseTimes
	groups := o.groupsOf(o.Concert)
	ctx, stop := context.WithCancel(t.Context())
	o.stop = stop
	go func() { defer close(o.loaded); o.loadWith(ctx, &o.ledger, o.rate, groups, buy) }()
	eventually(t, decideWithin, func() error {
		if n := len(o.ledger.ids()); n < 3*o.rate {
			return fmt.Errorf("%d orders under way", n)
		}
		return nil
	})
	return o
}

// breakService breaks the service for outageDuration. Meanwhile each process may try it only rarely, and producers respond to
// buyers as the contract says.
func (o *outage) breakService(breakIt, mend func() error) {
	o.t.Helper()
	o.callers.begin()
	o.responseTimes.reset()
	if err := breakIt(); err != nil {
		o.t.Fatal(err)
	}
	o.brokenAt = time.Now()
	over, done := context.WithTimeout(o.t.Context(), outageDuration())
	defer done()
	<-over.Done()
	busiest, tried, known, unknown := o.callers.end()
	if err := mend(); err != nil {
		o.t.Fatal(err)
	}
	o.mendedAt = time.Now()
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
	// A connection may be closed before its process is found. If there are many such calls, assume that all come from the busiest
	// process: would it then exceed the limit?
	if unknown > known/4 && most+unknown > limit {
		o.t.Errorf("%.1f tries a second are of unknown processes, %.1f of known ones: %s", unknown, known, tried)
	}
	o.t.Logf("tries a second by the busiest process of each function: %v; in all: %s", busiest, tried)
}

// waitRecovered keeps the load for 5 s more, and then waits until each order is decided and no rule is violated. It returns how
// long after the mend the last order was decided.
func (o *outage) waitRecovered() (decided time.Duration) {
	o.t.Helper()
	more, done := context.WithTimeout(o.t.Context(), 5*time.Second)
	defer done()
	<-more.Done()
	o.stop()
	o.waitDecided(&o.ledger, decideWithin-time.Since(o.mendedAt))
	decided = time.Since(o.mendedAt)
	// Paying buyers may still wait for their payment, and one order may have been on its way to the API.
	<-o.loaded
	o.waitDecided(&o.ledger, decideWithin)
	// queue_full is correct for a while after a minute without decisions, payment_busy while no payment is opened.
	right := []string{"503 unavailable", "503 queue_full", "409 seat_taken"}
	if o.service == "stripe" {
		right = append(right, "503 payment_busy")
	}
	for answer, n := range o.ledger.refused {
		if !slices.Contains(right, answer) {
			o.t.Errorf("%d orders got the response %q", n, answer)
		}
	}
	if err := o.checkNoPoison(); err != nil {
		o.t.Error(err)
	}
	o.waitAtRest(&o.ledger, nil, o.HoldFor+decideWithin)
	if o.service == "stripe" {
		o.checkPaid()
	}
	return decided
}

// buy pays an order and records whether that was in time.
func (o *outage) buy(buyer *apiclient.Client, id contracts.OrderID) {
	// Hundreds of buyers wait at once.
	buyer.AsTold = true
	if !o.pay(buyer, id) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paidInTime[id] = true
}

// checkPaid checks that each order paid in time is CONFIRMED, and that some of them were held during the outage.
func (o *outage) checkPaid() {
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
		if at := row.HeldAt; row.Status == contracts.Confirmed && at > contracts.InstantOf(o.brokenAt) && at < contracts.InstantOf(o.mendedAt) {
			meanwhile++
		}
	}
	if meanwhile == 0 {
		o.t.Error("no order that was held during the outage was paid afterwards")
	}
	o.t.Logf("orders ended as %v; %d were paid in time; %d that were held during the outage were paid", ends, len(o.paidInTime), meanwhile)
}

// checkNoPoison checks that no order was ended as poison. Letters and attempt records are a rule of waitAtRest.
func (o *outage) checkNoPoison() error {
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

// stopwatch measures the slowest response of the API. It is safe for concurrent use.
type stopwatch struct {
	next http.RoundTripper
	// host is the API's host; requests to others are not measured.
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

// reset forgets all earlier requests, including those under way.
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
