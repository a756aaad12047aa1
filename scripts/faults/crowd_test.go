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

// crowd are buyers of both concerts who do not give up: what got no answer, or none that says anything, is sent again under
// its key. What they want is drawn from one source.
type crowd struct {
	s      *stack
	l      *ledger
	random *rand.Rand
	hall   []apiclient.Group
	arena  []apiclient.Group
	// regulars are few, and each comes again and again: the limit of the arena meets them.
	regulars []*apiclient.Client

	mu sync.Mutex
	// inVain counts what was never answered, by what it was. It is complete when run has ended.
	inVain map[string]int
}

const (
	regulars = 8
	// arenaGroups are those that the crowd wants, so that its orders meet.
	arenaGroups = 4
	mostSeats   = 4
	// rivals: to one order in so many there is another for the same seats at the same moment.
	rivals = 6
)

func newCrowd(s *stack, l *ledger, random *rand.Rand) *crowd {
	c := &crowd{s: s, l: l, random: random, hall: s.groupsOf(s.Concert), arena: s.groupsOf(s.Arena)[:arenaGroups], inVain: map[string]int{}}
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

// run lets rate buyers a second come until ctx ends, and answers when the last one is through.
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
		then := []func(*apiclient.Client, contracts.OrderID){c.cancel, c.pay, c.leave, c.leave}[c.random.IntN(4)]
		under.Go(func() { c.buy(buyer, fmt.Sprintf("key-%d", n), request, then) })
		// What Redis shows as taken is refused at the door. The queue refuses those who come at the same moment.
		if c.random.IntN(rivals) == 0 {
			rival := c.buyer()
			under.Go(func() { c.buy(rival, fmt.Sprintf("key-%d", n), request, c.leave) })
		}
	}
}

// buy is one buyer's order, and what he does then.
func (c *crowd) buy(buyer *apiclient.Client, key string, request apiclient.OrderRequest, then func(*apiclient.Client, contracts.OrderID)) {
	// Also after the load has ended, so that no order is without an answer.
	ctx := c.s.t.Context()
	var id contracts.OrderID
	c.persist(ctx, "place", func() bool {
		answer, err := buyer.Place(ctx, key, request)
		if err != nil || answer.Status >= http.StatusInternalServerError {
			return false
		}
		id, _ = c.l.note(answer, nil)
		return true
	})
	if id != "" {
		then(buyer, id)
	}
}

// leave lets a hold run out.
func (c *crowd) leave(*apiclient.Client, contracts.OrderID) {}

// cancel gives an order up as soon as it is decided.
func (c *crowd) cancel(buyer *apiclient.Client, id contracts.OrderID) {
	ctx := c.s.t.Context()
	c.persist(ctx, "decision", func() bool {
		o, answer, err := buyer.Order(ctx, string(id))
		return err == nil && answer.Status == http.StatusOK && apiclient.Decided(o)
	})
	c.persist(ctx, "cancel", func() bool {
		answer, err := buyer.Do(ctx, http.MethodDelete, "/orders/"+string(id), nil, nil)
		return err == nil && (answer.Status == http.StatusAccepted || answer.Status == http.StatusOK)
	})
}

// pay pays an order, if it can be paid before its hold ends.
func (c *crowd) pay(buyer *apiclient.Client, id contracts.OrderID) {
	ctx, secret := c.s.t.Context(), ""
	c.persist(ctx, "payment", func() bool {
		o, answer, err := buyer.Order(ctx, string(id))
		if o.Payment != nil {
			secret = o.Payment.ClientSecret
		}
		return err == nil && answer.Status == http.StatusOK && apiclient.Payable(o)
	})
	if secret == "" {
		return
	}
	// An order that has ended meanwhile cannot be paid any more.
	if _, err := c.s.Confirm(ctx, secret, "pm_card_visa"); err != nil && ctx.Err() == nil {
		c.s.t.Errorf("order %s: the card was not answered: %v", id, err)
	}
}

// persist tries four times a second until it is done, the test has ended, or patience has.
func (c *crowd) persist(ctx context.Context, what string, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, decideWithin)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			c.mu.Lock()
			defer c.mu.Unlock()
			c.inVain[what]++
			return
		case <-tick.C:
		}
	}
}

// refusals counts the answers that accepted nothing, by code.
func (l *ledger) refusals() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.refused)
}
