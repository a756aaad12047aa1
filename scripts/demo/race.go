package main

import (
	"context"
	"fmt"
	"net/http"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
)

// race lets two buyers order the same seats at once. One gets them, and the other gets a reason.
func (d demo) race(ctx context.Context, seats []string) error {
	type result struct {
		name   string
		answer apiclient.Answer
		order  apiclient.Order
		err    error
	}
	gate, results := make(chan struct{}), make(chan result, 2)
	for _, name := range []string{"ben", "cleo"} {
		buyer, err := d.buyer(name)
		if err != nil {
			return err
		}
		go func() {
			<-gate
			r := result{name: name}
			r.answer, r.err = buyer.Place(ctx, "race-"+d.run, apiclient.OrderRequest{ConcertID: d.Concert, Seats: seats})
			var accepted apiclient.Accepted
			if r.err == nil && r.answer.Status == http.StatusAccepted {
				if r.err = r.answer.Decode(&accepted); r.err == nil {
					r.order, r.err = buyer.WaitFor(ctx, accepted.OrderID, apiclient.Decided)
				}
			}
			results <- r
		}()
	}
	close(gate)
	held, refused := 0, 0
	for range 2 {
		r := <-results
		switch {
		case r.err != nil:
			return fmt.Errorf("%s: %w", r.name, r.err)
		case r.answer.Status == http.StatusConflict:
			d.sayf("   %s is refused at once: 409 %s %v", r.name, r.answer.Problem().Code, r.answer.Problem().Seats)
			refused++
		case r.answer.Status != http.StatusAccepted:
			return fmt.Errorf("%s: %d %+v", r.name, r.answer.Status, r.answer.Problem())
		default:
			d.sayf("   %s gets 202; the order:", r.name)
			d.timeline(r.order)
			if r.order.Status.Open() {
				held++
			} else if r.order.Reason != nil && r.order.Reason.Code == contracts.ReasonSeatTaken {
				d.sayf("   %s: %s", r.name, r.order.Reason.Detail)
				refused++
			}
		}
	}
	if held != 1 || refused != 1 {
		return fmt.Errorf("%d orders are held and %d refused, want one each", held, refused)
	}
	d.sayf("   One gets the seats, the other a reason.")
	return nil
}
