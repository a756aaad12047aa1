package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/scripts/internal/apiclient"
)

// stampede is what became of many buyers who want few seats in the same instant.
type stampede struct {
	Buyers int `json:"buyers"`
	Seats  int `json:"seats"`
	// Refused were refused by the API at once, Rejected by the queue. Held have a seat. TurnedAway are requests that waited over 30 s
	// for a process, which is all that a gateway waits: their buyers asked again.
	Refused    int `json:"refused"`
	Rejected   int `json:"rejected"`
	Held       int `json:"held"`
	TurnedAway int `json:"turnedAway"`
	// Times from the first request: until the last answer of the API, until the last seat went, until the last order was
	// decided.
	AnsweredSeconds float64       `json:"answeredSeconds"`
	LastSeatSeconds float64       `json:"lastSeatSeconds"`
	DecidedSeconds  float64       `json:"decidedSeconds"`
	CPU             []processCost `json:"cpu"`
	OthersShare     float64       `json:"othersShare"`
}

// rush lets every buyer ask for one seat at once; each seat is wanted by as many. Each gets one answer, and only who is turned away
// for want of a process asks again. Those that are accepted follow their orders at the pace that the API tells.
func (m *measures) rush(ctx context.Context, groups []group) (stampede, error) {
	s := stampede{Buyers: m.RushBuyers, Seats: m.RushSeats}
	run := newRun()
	list, err := rushWishes(run, groups, s.Seats, s.Buyers)
	if err != nil {
		return s, err
	}
	m.progress("stampede: %d tokens", len(list))
	buyers := make([]*apiclient.Client, len(list))
	for i, w := range list {
		if buyers[i], err = m.Buyer(w.user); err != nil {
			return s, err
		}
		buyers[i].AsTold = true
	}
	if err := m.idle(ctx); err != nil {
		return s, err
	}
	before, err := m.hostStatus(ctx)
	if err != nil {
		return s, err
	}
	processes, err := m.processes(ctx)
	if err != nil {
		return s, err
	}
	from, err := look(processes)
	if err != nil {
		return s, err
	}
	m.progress("stampede: %d buyers on %d seats", s.Buyers, s.Seats)
	begun := time.Now()
	accepted, err := m.askAll(ctx, &s, list, buyers, begun)
	if err != nil {
		return s, err
	}
	p := phase{Orders: accepted}
	o, err := m.finish(ctx, &p, run, before, from)
	if err != nil {
		return s, err
	}
	s.Held, s.Rejected = p.Held, p.Rejected
	s.LastSeatSeconds = o.lastHeld.Sub(begun).Seconds()
	s.DecidedSeconds = o.last.Sub(begun).Seconds()
	s.CPU, s.OthersShare = p.CPU, p.OthersShare
	if s.Held != s.Seats {
		return s, fmt.Errorf("%d of %d seats are held", s.Held, s.Seats)
	}
	m.progress("stampede: the last seat went after %.1f s", s.LastSeatSeconds)
	return s, nil
}

// askAll sends all orders and follows those that are accepted until they are decided.
func (m *measures) askAll(ctx context.Context, s *stampede, list []wish, buyers []*apiclient.Client, begun time.Time) (accepted int, err error) {
	var mu sync.Mutex
	all, ctx := errgroup.WithContext(ctx)
	for i, w := range list {
		all.Go(func() error {
			request := apiclient.OrderRequest{ConcertID: m.Arena, Seats: w.seats}
			answer, err := buyers[i].Place(ctx, "measure", request)
			for err == nil && answer.Status == http.StatusServiceUnavailable && answer.Problem().Code == "" {
				mu.Lock()
				s.TurnedAway++
				mu.Unlock()
				answer, err = buyers[i].Place(ctx, "measure", request)
			}
			if err != nil {
				return err
			}
			mu.Lock()
			s.AnsweredSeconds = time.Since(begun).Seconds()
			if answer.Status == http.StatusAccepted {
				accepted++
			} else {
				s.Refused++
			}
			mu.Unlock()
			if answer.Status != http.StatusAccepted {
				if code := answer.Problem().Code; code != "seat_taken" {
					return fmt.Errorf("POST /orders: %d %s", answer.Status, code)
				}
				return nil
			}
			var a apiclient.Accepted
			if err := answer.Decode(&a); err != nil {
				return err
			}
			_, err = buyers[i].WaitFor(ctx, a.OrderID, apiclient.Decided)
			return err
		})
	}
	return accepted, all.Wait()
}

// rushWishes are orders for one seat each, so that every seat is wanted by equally many, in random order.
func rushWishes(run string, groups []group, seats, buyers int) ([]wish, error) {
	var wanted []wish
	for _, g := range groups {
		for _, seat := range g.Seats {
			if len(wanted) < seats {
				wanted = append(wanted, wish{group: g.Group, seats: []string{seat}})
			}
		}
	}
	if len(wanted) < seats {
		return nil, fmt.Errorf("there are %d seats, want %d", len(wanted), seats)
	}
	list := make([]wish, buyers)
	for i := range list {
		list[i] = wanted[i%seats]
		list[i].user = fmt.Sprintf("%s-%06d", run, i)
	}
	//nolint:gosec // the order of buyers needs no secrecy
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list, nil
}
