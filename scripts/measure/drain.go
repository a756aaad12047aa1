package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// phase is the result of one measure of deciding orders.
type phase struct {
	Name     string `json:"name"`
	Groups   int    `json:"groups"`
	Orders   int    `json:"orders"`
	Held     int    `json:"held"`
	Rejected int    `json:"rejectedSeatTaken"`
	// Confirmed is the number of paid orders.
	Confirmed int `json:"confirmed"`
	// Batches is the number of batches that reserve got.
	Batches int `json:"batches"`
	// Seconds is the time from the start of the functions to the last decision, or confirmation. CPU counts until every due payment
	// is opened and mirror and publish have caught up.
	Seconds         float64       `json:"seconds"`
	OrdersPerSecond float64       `json:"ordersPerSecond"`
	CPU             []processCost `json:"cpu"`
	// OthersShare is the share of the machine that other programs used meanwhile, 0 to 1.
	OthersShare float64 `json:"othersShare"`
	// Floor is the bare loop of the same calls, if it was measured.
	Floor *floorResult `json:"floor,omitempty"`
}

// newRun returns a new name of a run, which is the prefix of its buyers' names.
func newRun() string { return "measure-" + strings.ToLower(rand.Text()[:8]) }

// drain stops lambdahost, enqueues orders, and measures from the continuation of lambdahost until all orders are decided.
func (m *measures) drain(ctx context.Context, groups []group) (phase, error) {
	p := phase{Name: "draining", Groups: len(groups), Orders: m.Orders}
	run := newRun()
	list := wishes(run, groups, m.Orders)
	messages, err := m.placeOrders(list)
	if err != nil {
		return p, err
	}
	before, err := m.hostStatus(ctx)
	if err != nil {
		return p, err
	}
	processes, err := m.processes(ctx)
	if err != nil {
		return p, err
	}
	resume, err := m.pause(ctx)
	if err != nil {
		return p, err
	}
	defer resume() //nolint:errcheck // it is resumed already, or another error is returned
	m.progress("draining, seat groups %d: %d orders into the queue", p.Groups, p.Orders)
	if err := m.enqueue(ctx, m.Queue("orders"), messages); err != nil {
		return p, err
	}
	from, err := readUsage(processes)
	if err != nil {
		return p, err
	}
	m.progress("draining, seat groups %d: deciding", p.Groups)
	released := time.Now()
	if err := resume(); err != nil {
		return p, err
	}
	o, err := m.finish(ctx, &p, run, before, from)
	if err != nil {
		return p, err
	}
	p.setRate(released, o)
	m.progress("draining, seat groups %d: %.0f orders/s", p.Groups, p.OrdersPerSecond)
	if !m.NoFloor {
		if p.Floor, err = m.floor(ctx, p, o, messages); err != nil {
			return p, fmt.Errorf("floor: %w", err)
		}
	}
	return p, nil
}

// setRate sets the duration and the rate.
func (p *phase) setRate(released time.Time, o outcome) {
	p.Seconds = o.last.Sub(released).Seconds()
	p.OrdersPerSecond = float64(p.Orders) / p.Seconds
}

// decideWithin bounds how long a phase may take.
const decideWithin = 3 * time.Minute

// finish waits until all functions have processed the orders of a phase. It sets the CPU time and the number of orders by
// outcome.
func (m *measures) finish(ctx context.Context, p *phase, run string, before hostStatus, from usage) (outcome, error) {
	err := await(ctx, decideWithin, func() (bool, string, error) {
		now, err := m.hostStatus(ctx)
		if err != nil {
			return false, "", err
		}
		decided := done(before.source("reserve"), now.source("reserve"))
		p.Batches = now.source("reserve").Batches - before.source("reserve").Batches
		if decided < p.Orders {
			return false, fmt.Sprintf("%d of %d orders are decided", decided, p.Orders), nil
		}
		for _, queue := range []string{"payments", "authorizations"} {
			if n, err := m.Waiting(ctx, queue); err != nil || n > 0 {
				return false, fmt.Sprintf("%d messages in %s", n, queue), err
			}
		}
		return now.quietSince(before)
	})
	if err != nil {
		return outcome{}, err
	}
	o, err := m.outcomeOf(ctx, run, p.Orders)
	if err != nil {
		return o, err
	}
	p.Held, p.Rejected, p.Confirmed = o.held, o.rejected, o.confirmed
	err = await(ctx, decideWithin, func() (bool, string, error) {
		now, err := m.hostStatus(ctx)
		if err != nil {
			return false, "", err
		}
		mirrored := now.source("mirror").Records - before.source("mirror").Records
		published := now.source("publish").Records - before.source("publish").Records
		if min(mirrored, published) < o.versions {
			return false, fmt.Sprintf("of %d versions %d are mirrored, %d published", o.versions, mirrored, published), nil
		}
		return now.quietSince(before)
	})
	if err != nil {
		return o, err
	}
	processes, err := m.processes(ctx)
	if err != nil {
		return o, err
	}
	to, err := readUsage(processes)
	if err != nil {
		return o, err
	}
	p.OthersShare = others(from, to, runtime.NumCPU())
	p.CPU, err = costs(from, to, p.Orders)
	return o, err
}

// done returns the number of messages that a queue's function has handled between two statuses.
func done(before, now sourceStatus) int {
	return now.Messages - now.MessageFailures - before.Messages + before.MessageFailures
}
