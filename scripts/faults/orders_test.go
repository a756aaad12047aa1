package faults

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/invariants"
	"boxoffice/scripts/internal/testbed"
)

// ledger records the responses to a test's buyers: which orders were accepted. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	accepted []contracts.OrderID
	// refused counts the responses that accepted no order, by code.
	refused map[string]int
}

func (l *ledger) record(answer apiclient.Answer, err error) (id contracts.OrderID, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused == nil {
		l.refused = map[string]int{}
	}
	var accepted apiclient.Accepted
	switch {
	case err != nil:
		l.refused["no response"]++
		return "", false
	case answer.Status != http.StatusAccepted:
		l.refused[fmt.Sprintf("%d %s", answer.Status, answer.Problem().Code)]++
		return "", false
	case answer.Decode(&accepted) != nil:
		l.refused["malformed"]++
		return "", false
	}
	l.accepted = append(l.accepted, contracts.OrderID(accepted.OrderID))
	return contracts.OrderID(accepted.OrderID), true
}

func (l *ledger) ids() []contracts.OrderID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.accepted)
}

// placeAs places a user's order for seats of a concert. ok is false if it was not accepted.
func (s *stack) placeAs(l *ledger, user, concert string, seats []string) (buyer *apiclient.Client, id contracts.OrderID, ok bool) {
	s.t.Helper()
	buyer, err := s.Buyer(user)
	if err != nil {
		s.t.Error(err)
		return nil, "", false
	}
	id, ok = l.record(buyer.Place(s.t.Context(), "key-1", apiclient.OrderRequest{ConcertID: concert, Seats: seats}))
	return buyer, id, ok
}

// mustPlaceAs is placeAs, but fails the test if the order is not accepted.
func (s *stack) mustPlaceAs(l *ledger, user, concert string, seats []string) (*apiclient.Client, contracts.OrderID) {
	s.t.Helper()
	buyer, id, ok := s.placeAs(l, user, concert, seats)
	if !ok {
		s.t.Fatalf("order for %v of %s was not accepted: %v", seats, concert, l.refused)
	}
	return buyer, id
}

// place places a new buyer's order for seats of the main concert. ok is false if it was not accepted.
func (s *stack) place(l *ledger, seats ...string) (id contracts.OrderID, ok bool) {
	s.t.Helper()
	_, id, ok = s.placeAs(l, testbed.Named("buyer"), s.Concert, seats)
	return id, ok
}

// mustPlace is place, but fails the test if the order is not accepted.
func (s *stack) mustPlace(l *ledger, seats ...string) contracts.OrderID {
	s.t.Helper()
	_, id := s.mustPlaceAs(l, testbed.Named("buyer"), s.Concert, seats)
	return id
}

// load places rate orders a second for neighbouring seats of the groups until ctx ends; each is by a new buyer, for one or two
// seats. It returns when the last one has been sent.
func (s *stack) load(ctx context.Context, l *ledger, rate int, groups []apiclient.Group) {
	s.loadWith(ctx, l, rate, groups, func(*apiclient.Client, contracts.OrderID) {})
}

// loadWith is load by buyers who continue with their accepted orders. It returns when the last one has finished.
func (s *stack) loadWith(ctx context.Context, l *ledger, rate int, groups []apiclient.Group, goOn func(*apiclient.Client, contracts.OrderID)) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var sent sync.WaitGroup
	defer sent.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g := groups[n%len(groups)]
		// The step 7 has no common divisor with most lengths, so consecutive orders want distant seats, and all seats come up
		// again.
		at := (n / len(groups) * 7) % (len(g.Seats) - 1)
		seats := g.Seats[at : at+1+n%2]
		sent.Go(func() {
			if buyer, id, ok := s.placeAs(l, testbed.Named("buyer"), s.Concert, seats); ok {
				goOn(buyer, id)
			}
		})
	}
}

// pay pays an order as its buyer, as soon as it can be paid, unless it has ended before. inTime means that the card was
// authorised before the hold ended, so the order must become CONFIRMED.
func (s *stack) pay(buyer *apiclient.Client, id contracts.OrderID) (inTime bool) {
	ctx, cancel := context.WithTimeout(s.t.Context(), s.HoldFor+decideWithin)
	defer cancel()
	o, err := buyer.WaitFor(ctx, string(id), apiclient.Payable)
	if err != nil || o.Payment == nil {
		return false
	}
	card, err := s.Confirm(ctx, o.Payment.ClientSecret, "pm_card_visa")
	if err != nil && s.t.Context().Err() == nil {
		s.t.Errorf("order %s: no response to the card: %v", id, err)
	}
	return err == nil && card.Status == "requires_capture" && contracts.InstantOf(time.Now()) < *o.HoldExpiresAt
}

// groupsOf returns the seat groups of a concert.
func (s *stack) groupsOf(concert string) []apiclient.Group {
	s.t.Helper()
	layout, err := s.Layout(s.t.Context(), concert)
	if err != nil {
		s.t.Fatal(err)
	}
	return layout.Groups
}

// waitForRow waits until an order has a row for which wanted is true.
func (s *stack) waitForRow(id contracts.OrderID, within time.Duration, wanted func(readmodel.Order) bool) (row readmodel.Order) {
	s.t.Helper()
	eventually(s.t, within, func() error {
		found := false
		var err error
		if row, found, err = s.Order(s.t.Context(), id); err != nil {
			return err
		}
		if !found || !wanted(row) {
			return fmt.Errorf("order %s: row %v, %s at version %d", id, found, row.Status, row.Version)
		}
		return nil
	})
	return row
}

// hasStatus accepts rows with one of these statuses. HELD also accepts any later open status: the payment may have started.
func hasStatus(statuses ...contracts.Status) func(readmodel.Order) bool {
	return func(o readmodel.Order) bool {
		return slices.Contains(statuses, o.Status) || o.Status.Open() && slices.Contains(statuses, contracts.Held)
	}
}

// waitDecided waits until each accepted order has a row, and returns how long that took.
func (s *stack) waitDecided(l *ledger, within time.Duration) time.Duration {
	s.t.Helper()
	return eventually(s.t, within, func() error {
		rows, err := s.Orders(s.t.Context())
		if err != nil {
			return err
		}
		known := map[contracts.OrderID]bool{}
		for _, o := range rows {
			known[o.OrderID] = true
		}
		missing := 0
		for _, id := range l.ids() {
			if !known[id] {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d orders have no row", missing, len(l.ids()))
		}
		return nil
	})
}

// waitAtRest waits until every hold has ended and every queue is empty, and until rows, seats, tickets, allowances, money, dead
// letters and, with a subscription, events violate no rule. It returns how long that took. The fault of the test may break the
// allowed rules.
func (s *stack) waitAtRest(l *ledger, events *testbed.Subscription, within time.Duration, allowed ...string) time.Duration {
	s.t.Helper()
	ctx := s.t.Context()
	return eventually(s.t, within, func() error {
		for _, queue := range functionQueues {
			if err := s.checkEmpty(queue); err != nil {
				return err
			}
		}
		if events != nil {
			if err := events.Poll(ctx); err != nil {
				return err
			}
		}
		snapshot, err := s.Snapshot(ctx)
		if err != nil {
			return err
		}
		snapshot.Accepted = l.ids()
		if events != nil {
			snapshot.Published, _ = events.Published()
		}
		return joined(slices.DeleteFunc(invariants.AtRest(snapshot), func(v invariants.Violation) bool { return slices.Contains(allowed, v.Rule) }))
	})
}

// report logs the fault and the recovery; the README's table has these figures.
func report(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Logf("FAULT "+format, args...)
}

// checkRule returns the current violations of one rule.
func (s *stack) checkRule(rule string) error {
	snapshot, err := s.Snapshot(s.t.Context())
	if err != nil {
		return err
	}
	return joined(slices.DeleteFunc(invariants.AtRest(snapshot), func(v invariants.Violation) bool { return v.Rule != rule }))
}
