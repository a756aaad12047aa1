package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/faultproxy"
)

// outageLasts is how long a service is away: a minute with FAULTS=long.
func outageLasts() time.Duration {
	if os.Getenv("FAULTS") == "long" {
		return time.Minute
	}
	return 15 * time.Second
}

// outage is a service that goes away while buyers go on, and comes back.
type outage struct {
	*stack
	service string
	ledger  ledger
	// who counts what the functions try meanwhile.
	who    *callers
	answer *stopwatch
	stop   context.CancelFunc
	loaded chan struct{}
	begun  time.Time
	mended time.Time
}

const (
	// triesPerSecond is what each process may try at a service that is away.
	triesPerSecond = 2
	// dialsPerTry: at a Redis that is away a try cannot be seen, only connections. One call makes one, one more for its
	// redirect, and for each the client of a cluster asks its nodes who has which slot.
	dialsPerTry = 5
)

// newOutage brings up a stack with a link to the service, and 20 orders a second.
func newOutage(t *testing.T, service string) *outage {
	t.Helper()
	o := &outage{service: service, answer: &stopwatch{}, loaded: make(chan struct{})}
	if service == "redis" {
		o.stack = newStack(t, settings{links: []string{service}, commands: true})
	} else {
		o.stack = newStack(t, settings{links: []string{service}, calls: []string{service}})
	}
	o.who = newCallers()
	if service == "redis" {
		o.commands.Dialled(func(from string) {
			o.who.dialled(from)
			o.who.add(from, "dial")
		})
	} else {
		o.calls[service].Dialled(o.who.dialled)
		o.calls[service].Hook(func(c faultproxy.Call, _ func()) bool {
			if c.Attempt == 1 {
				o.who.add(c.From, c.Operation)
			}
			return true
		})
	}
	// The groups that the seed asks for are loaded, so that what is late afterwards is late by the outage.
	eventually(t, decideWithin, func() error {
		if n, err := o.Waiting(t.Context(), "orders"); err != nil || n > 0 {
			return errors.Join(err, fmt.Errorf("%d messages in orders", n))
		}
		return nil
	})
	o.answer.next, o.HTTP.Transport = o.HTTP.Transport, o.answer
	groups := o.groups()
	ctx, stop := context.WithCancel(t.Context())
	o.stop = stop
	go func() { defer close(o.loaded); o.load(ctx, &o.ledger, 20, groups) }()
	eventually(t, decideWithin, func() error {
		if n := len(o.ledger.ids()); n < 60 {
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
	busiest, tried, err := o.who.end()
	if err != nil {
		o.t.Error(err)
	}
	if err := mend(); err != nil {
		o.t.Fatal(err)
	}
	o.mended = time.Now()
	limit := float64(triesPerSecond)
	if o.service == "redis" {
		limit *= dialsPerTry
	}
	for function, perSecond := range busiest {
		if perSecond > limit {
			o.t.Errorf("a process of %s tried %.1f times a second at a dead %s, want at most %.0f: %s", function, perSecond, o.service, limit, tried)
		}
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
	<-o.loaded
	o.decided(&o.ledger, decideWithin-time.Since(o.mended))
	decided = time.Since(o.mended)
	// queue_full is right for a while after a minute in which nothing was decided.
	for answer, n := range o.ledger.refused {
		if !slices.Contains([]string{"503 unavailable", "503 queue_full", "409 seat_taken"}, answer) {
			o.t.Errorf("%d orders were answered %q", n, answer)
		}
	}
	if err := o.noneIsPoison(); err != nil {
		o.t.Error(err)
	}
	o.atRest(&o.ledger, nil, o.HoldFor+decideWithin)
	return decided
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

	mu      sync.Mutex
	slowest time.Duration
	since   time.Time
}

// RoundTrip implements http.RoundTripper.
func (w *stopwatch) RoundTrip(r *http.Request) (*http.Response, error) {
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
