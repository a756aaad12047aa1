package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
)

// overHTTP lets buyers order through the gateway. So many at once send an order and follow it until it is decided, more often
// than the API tells, since its pace is not what is measured; then the next buyer comes.
func (m *measures) overHTTP(ctx context.Context, groups []group) (phase, error) {
	return m.buyers(ctx, phase{Name: "over HTTP", Groups: len(groups), Orders: m.HTTPOrders}, groups,
		func(ctx context.Context, buyer *apiclient.Client, id string) error {
			_, err := buyer.WaitFor(ctx, id, apiclient.Decided)
			return err
		})
}

// paid is overHTTP by buyers who pay as well, and follow their orders until they are CONFIRMED.
func (m *measures) paid(ctx context.Context, groups []group) (phase, error) {
	return m.buyers(ctx, phase{Name: "over HTTP, paid", Groups: len(groups), Orders: m.HTTPOrders}, groups,
		func(ctx context.Context, buyer *apiclient.Client, id string) error {
			order, err := buyer.WaitFor(ctx, id, apiclient.Payable)
			if err != nil {
				return err
			}
			if order.Payment == nil {
				return fmt.Errorf("order %s is %s, and has no payment", id, order.Status)
			}
			if _, err := m.Confirm(ctx, order.Payment.ClientSecret, "pm_card_visa"); err != nil {
				return err
			}
			_, err = buyer.WaitFor(ctx, id, func(o apiclient.Order) bool { return o.Status == contracts.Confirmed })
			return err
		})
}

// buyers lets each buyer place an order and follow it.
func (m *measures) buyers(ctx context.Context, p phase, groups []group, follow func(context.Context, *apiclient.Client, string) error) (phase, error) {
	run := newRun()
	list := wishes(run, groups, p.Orders)
	m.progress("%s: %d tokens", p.Name, len(list))
	buyers := make([]*apiclient.Client, len(list))
	for i, w := range list {
		var err error
		if buyers[i], err = m.Buyer(w.user); err != nil {
			return p, err
		}
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
	m.progress("%s: %d orders of %d clients", p.Name, p.Orders, m.Clients)
	begun := time.Now()
	clients, clientsCtx := errgroup.WithContext(ctx)
	clients.SetLimit(m.Clients)
	for i, w := range list {
		clients.Go(func() error {
			id, err := m.place(clientsCtx, buyers[i], w)
			if err != nil {
				return err
			}
			return follow(clientsCtx, buyers[i], id)
		})
	}
	if err := clients.Wait(); err != nil {
		return p, err
	}
	o, err := m.finish(ctx, &p, run, before, from)
	if err != nil {
		return p, err
	}
	p.time(begun, o)
	m.progress("%s: %.0f orders/s", p.Name, p.OrdersPerSecond)
	return p, nil
}

func (m *measures) place(ctx context.Context, buyer *apiclient.Client, w wish) (id string, err error) {
	answer, err := buyer.Place(ctx, "measure", apiclient.OrderRequest{ConcertID: m.Arena, Seats: w.seats})
	if err != nil {
		return "", err
	}
	if answer.Status != http.StatusAccepted {
		return "", fmt.Errorf("POST /orders: %d %s", answer.Status, answer.Problem().Code)
	}
	var accepted apiclient.Accepted
	err = answer.Decode(&accepted)
	return accepted.OrderID, err
}
