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

// stampede is the result of many buyers who order few seats in the same instant.
type stampede struct {
	Buyers int `json:"buyers"`
	Seats  int `json:"seats"`
	// The API refused Refused orders at once, and reserve rejected Rejected. Held orders have a seat. TurnedAway counts requests
	// that waited over 30 s for a process, which is how long a gateway waits: their buyers sent them again.
	Refused    int `json:"refused"`
	Rejected   int `json:"rejected"`
	Held       int `json:"held"`
	TurnedAway int `json:"turnedAway"`
	// Times from the first request: until the last response of the API, until the last seat was held, until the last order was
	// decided.
	AnsweredSeconds float64       `json:"answeredSeconds"`
	LastSeatSeconds float64       `json:"lastSeatSeconds"`
	DecidedSeconds  float64       `json:"decidedSeconds"`
	CPU             []processCost `json:"cpu"`
	OthersShare     float64       `json:"othersShare"`
}

// rush measures buyers who each order one seat at once; each seat is ordered by equally many. A buyer repeats a request only if
// it was turned away because no process was free. Buyers whose orders are accepted poll them as often as the API says.
func (m *measures) rush(ctx context.Context, groups []group) (stampede, error) {
	s := stampede{Buyers: m.RushBuyers, Seats: m.RushSeats}
	run := newRun()
	list, err := rushWishes(run, groups, s.Seats, s.Buyers)
	if err != nil {
		return s, err
	}
	buyers, err := m.signIn("stampede", list)
	if err != nil {
		return s, err
	}
	for _, b := range buyers {
		b.AsTold = true
	}
	before, from, err := m.begin(ctx)
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
	m.progress("stampede: the last seat was held after %.1f s", s.LastSeatSeconds)
	return s, nil
}

// askAll places all orders and polls the accepted ones until they are decided.
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

// rushWishes returns wishes for one seat each in random order, equally many for every seat.
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
