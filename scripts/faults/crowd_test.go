package faults

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// crowd is a crowd of buyers of both concerts who do not give up: a request that got no response, or a 5xx, is repeated under its
// key. What they want is drawn from one random source.
type crowd struct {
	s      *stack
	l      *ledger
	random *rand.Rand
	hall   []apiclient.Group
	arena  []apiclient.Group
	// regulars are a few buyers who order repeatedly, so that they reach the arena's limit.
	regulars []*apiclient.Client

	mu sync.Mutex
	// gaveUp counts the requests that never succeeded, by kind. It is complete when run has returned.
	gaveUp map[string]int
}

const (
	regulars = 8
	// arenaGroups is the number of groups that the crowd wants, so that its orders compete.
	arenaGroups = 4
	mostSeats   = 4
	// rivals: on average one order in so many has a rival, for the same seats at the same moment.
	rivals = 6
)

func newCrowd(s *stack, l *ledger, random *rand.Rand) *crowd {
	c := &crowd{s: s, l: l, random: random, hall: s.groupsOf(s.Concert), arena: s.groupsOf(s.Arena)[:arenaGroups], gaveUp: map[string]int{}}
	for range regulars {
		c.regulars = append(c.regulars, c.buyer())
	}
	return c
}

func (c *crowd) buyer() *apiclient.Client {
	buyer, err := c.s.Buyer(testbed.Named("buyer"))
	if err != nil {
		c.s.t.Error(err)
	}
	return buyer
}

// run starts rate buyers a second until ctx ends, and returns when the last one has finished.
func (c *crowd) run(ctx context.Context, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var under sync.WaitGroup
	defer under.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		request, groups, buyer := apiclient.OrderRequest{ConcertID: c.s.Concert}, c.hall, c.buyer()
		if c.random.IntN(2) == 0 {
			request.ConcertID, groups = c.s.Arena, c.arena
			if c.random.IntN(2) == 0 {
				buyer = c.regulars[c.random.IntN(regulars)]
			}
		}
		g := groups[c.random.IntN(len(groups))]
		seats := 1 + c.random.IntN(mostSeats)
		at := c.random.IntN(len(g.Seats) - seats)
		request.Seats = g.Seats[at : at+seats]
		then := []func(*apiclient.Client, contracts.OrderID){c.cancel, c.pay, c.letExpire, c.letExpire}[c.random.IntN(4)]
		under.Go(func() { c.buy(buyer, fmt.Sprintf("key-%d", n), request, then) })
		// Orders for seats that Redis shows as taken are refused by the producer. The queue refuses simultaneous rivals.
		if c.random.IntN(rivals) == 0 {
			rival := c.buyer()
			under.Go(func() { c.buy(rival, fmt.Sprintf("key-%d", n), request, c.letExpire) })
		}
	}
}

// buy places one order, and then does what the buyer wants to do with it.
func (c *crowd) buy(buyer *apiclient.Client, key string, request apiclient.OrderRequest, then func(*apiclient.Client, contracts.OrderID)) {
	// The load's ctx may have ended; every order still needs a response.
	ctx := c.s.t.Context()
	var id contracts.OrderID
	c.retry(ctx, "place", func() bool {
		answer, err := buyer.Place(ctx, key, request)
		if err != nil || answer.Status >= http.StatusInternalServerError {
			return false
		}
		id, _ = c.l.record(answer, nil)
		return true
	})
	if id != "" {
		then(buyer, id)
	}
}

// letExpire lets the hold expire.
func (c *crowd) letExpire(*apiclient.Client, contracts.OrderID) {}

// cancel cancels an order as soon as it is decided.
func (c *crowd) cancel(buyer *apiclient.Client, id contracts.OrderID) {
	ctx := c.s.t.Context()
	c.retry(ctx, "decision", func() bool {
		o, answer, err := buyer.Order(ctx, string(id))
		return err == nil && answer.Status == http.StatusOK && apiclient.Decided(o)
	})
	c.retry(ctx, "cancel", func() bool {
		answer, err := buyer.Do(ctx, http.MethodDelete, "/orders/"+string(id), nil, nil)
		return err == nil && (answer.Status == http.StatusAccepted || answer.Status == http.StatusOK)
	})
}

// pay pays an order, if it can be paid before its hold expires.
func (c *crowd) pay(buyer *apiclient.Client, id contracts.OrderID) {
	ctx, secret := c.s.t.Context(), ""
	c.retry(ctx, "payment", func() bool {
		o, answer, err := buyer.Order(ctx, string(id))
		if o.Payment != nil {
			secret = o.Payment.ClientSecret
		}
		return err == nil && answer.Status == http.StatusOK && apiclient.Payable(o)
	})
	if secret == "" {
		return
	}
	// Stripe refuses the card if the order has ended in the meantime.
	if _, err := c.s.Confirm(ctx, secret, "pm_card_visa"); err != nil && ctx.Err() == nil {
		c.s.t.Errorf("order %s: no response to the card: %v", id, err)
	}
}

// retry tries four times a second until done succeeds, the test ends, or decideWithin has passed.
func (c *crowd) retry(ctx context.Context, what string, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, decideWithin)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			c.mu.Lock()
			defer c.mu.Unlock()
			c.gaveUp[what]++
			return
		case <-tick.C:
		}
	}
}

// refusals counts the responses that accepted no order, by code.
func (l *ledger) refusals() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.refused)
}
