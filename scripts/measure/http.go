package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/localtokens"
)

// overHTTP lets buyers order through the gateway. So many at once send an order and follow it, at the pace that the API
// tells, until it is decided; then the next buyer comes.
func (m *measures) overHTTP(ctx context.Context, groups []group) (phase, error) {
	p := phase{Name: "over HTTP", Groups: len(groups), Orders: m.HTTPOrders}
	run := newRun()
	list := wishes(run, groups, m.HTTPOrders)
	m.progress("over HTTP: %d tokens", len(list))
	buyers := make([]*apiclient.Client, len(list))
	for i, w := range list {
		token, err := m.key.Sign(localtokens.ClaimsOf(m.API, w.user, time.Now(), time.Hour))
		if err != nil {
			return p, err
		}
		buyers[i] = &apiclient.Client{Base: m.API, Token: token, HTTP: m.http}
	}
	if err := m.idle(ctx); err != nil {
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
	from, err := look(processes)
	if err != nil {
		return p, err
	}
	m.progress("over HTTP: %d orders of %d clients", p.Orders, m.Clients)
	begun := time.Now()
	if err := m.buyAll(ctx, buyers, list); err != nil {
		return p, err
	}
	o, err := m.finish(ctx, &p, run, before, from)
	if err != nil {
		return p, err
	}
	p.time(begun, o)
	m.progress("over HTTP: %.0f orders/s", p.OrdersPerSecond)
	return p, nil
}

func (m *measures) buyAll(ctx context.Context, buyers []*apiclient.Client, list []wish) error {
	clients, ctx := errgroup.WithContext(ctx)
	clients.SetLimit(m.Clients)
	for i, w := range list {
		clients.Go(func() error {
			answer, err := buyers[i].Place(ctx, "measure", apiclient.OrderRequest{ConcertID: m.Concert, Seats: w.seats})
			if err != nil {
				return err
			}
			if answer.Status != http.StatusAccepted {
				return fmt.Errorf("POST /orders: %d %s", answer.Status, answer.Problem().Code)
			}
			var accepted apiclient.Accepted
			if err := answer.Decode(&accepted); err != nil {
				return err
			}
			_, err = buyers[i].WaitFor(ctx, accepted.OrderID, apiclient.Decided)
			return err
		})
	}
	return clients.Wait()
}
