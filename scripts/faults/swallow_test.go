package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// A service carries out all requests for a while, but every response is lost. Nothing is lost and nothing happens twice: seats
// and rows are right, and an order that a buyer sent repeatedly under one key is one order.
func TestResponsesAreLost(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			runInParallel(t, 85*time.Second)
			o := newOutage(t, service)
			link := o.links[service]
			patient := o.patientBuyers(8)
			o.breakService(func() error {
				if err := link.Swallow(); err != nil {
					return err
				}
				patient.start()
				return nil
			}, func() error { return link.Heal(t.Context()) })
			slowest := o.responseTimes.read()
			tries := patient.wait()
			if service == "sqs" && tries == len(patient.users) {
				t.Error("no order was repeated")
			}
			decided := o.waitRecovered()
			if err := patient.checkOneOrderEach(); err != nil {
				t.Error(err)
			}
			report(t, "responses of %s lost for %s under %d orders/s, %d accepted, refused %v, 8 buyers sent theirs %d times: slowest response %s, all decided %s after the mend",
				service, outageDuration(), o.rate, len(o.ledger.ids()), o.ledger.refused, tries, slowest.Round(time.Millisecond), decided.Round(time.Second))
		})
	}
}

// patientBuyers repeat their order, under one key, until it is accepted.
type patientBuyers struct {
	o      *outage
	users  []string
	seats  [][]string
	ids    []contracts.OrderID
	tries  []int
	errs   []error
	buyers sync.WaitGroup
}

// patientBuyers returns n buyers who want seats at the end of the groups.
func (o *outage) patientBuyers(n int) *patientBuyers {
	o.t.Helper()
	p := &patientBuyers{o: o, ids: make([]contracts.OrderID, n), tries: make([]int, n), errs: make([]error, n)}
	groups := o.groupsOf(o.Concert)
	for i := range n {
		g := groups[i%len(groups)]
		at := len(g.Seats) - 2*(i/len(groups)+1)
		p.users = append(p.users, testbed.Named("patient"))
		p.seats = append(p.seats, g.Seats[at:at+2])
	}
	return p
}

func (p *patientBuyers) start() {
	for i := range p.users {
		p.buyers.Go(func() { p.errs[i] = p.placeUntilAccepted(i) })
	}
}

// placeUntilAccepted sends an order each second until it is accepted.
func (p *patientBuyers) placeUntilAccepted(i int) error {
	buyer, err := p.o.Buyer(p.users[i])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.o.t.Context(), outageDuration()+decideWithin)
	defer cancel()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		p.tries[i]++
		answer, err := buyer.Place(ctx, "key-1", apiclient.OrderRequest{ConcertID: p.o.Concert, Seats: p.seats[i]})
		if id, ok := p.o.ledger.record(answer, err); ok {
			p.ids[i] = id
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the order of %s was not accepted in %d tries: %w", p.users[i], p.tries[i], ctx.Err())
		case <-again.C:
		}
	}
}

// wait returns when all orders are accepted, with the number of requests.
func (p *patientBuyers) wait() (tries int) {
	p.o.t.Helper()
	p.buyers.Wait()
	for i, err := range p.errs {
		if err != nil {
			p.o.t.Error(err)
		}
		tries += p.tries[i]
	}
	return tries
}

// checkOneOrderEach checks that each buyer has exactly the accepted order.
func (p *patientBuyers) checkOneOrderEach() error {
	rows, err := p.o.Orders(p.o.t.Context())
	if err != nil {
		return err
	}
	of := map[string][]contracts.OrderID{}
	for _, row := range rows {
		of[row.UserID] = append(of[row.UserID], row.OrderID)
	}
	for i, user := range p.users {
		if len(of[user]) != 1 || of[user][0] != p.ids[i] {
			return fmt.Errorf("%s got order %s after %d tries and has %v", user, p.ids[i], p.tries[i], of[user])
		}
	}
	return nil
}
