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

// overHTTP measures buyers who order through the gateway. m.Clients buyers at once place an order and poll it until it is
// decided; then the next buyer starts. They poll more often than the API says, since polling is not what is measured.
func (m *measures) overHTTP(ctx context.Context, groups []group) (phase, error) {
	return m.buyers(ctx, phase{Name: "over HTTP", Groups: len(groups), Orders: m.HTTPOrders}, groups,
		func(ctx context.Context, buyer *apiclient.Client, id string) error {
			_, err := buyer.WaitFor(ctx, id, apiclient.Decided)
			return err
		})
}

// paid is overHTTP with buyers who also pay, and poll their orders until they are CONFIRMED.
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

// buyers measures buyers who each place an order and then follow it.
func (m *measures) buyers(ctx context.Context, p phase, groups []group, follow func(context.Context, *apiclient.Client, string) error) (phase, error) {
	run := newRun()
	list := wishes(run, groups, p.Orders)
	buyers, err := m.signIn(p.Name, list)
	if err != nil {
		return p, err
	}
	before, from, err := m.begin(ctx)
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
	p.setRate(begun, o)
	m.progress("%s: %.0f orders/s", p.Name, p.OrdersPerSecond)
	return p, nil
}

// signIn returns a client for the buyer of each wish.
func (m *measures) signIn(measure string, list []wish) ([]*apiclient.Client, error) {
	m.progress("%s: %d tokens", measure, len(list))
	buyers := make([]*apiclient.Client, len(list))
	for i, w := range list {
		var err error
		if buyers[i], err = m.Buyer(w.user); err != nil {
			return nil, err
		}
	}
	return buyers, nil
}

// begin waits until no function is busy and returns the status and the CPU time at that moment.
func (m *measures) begin(ctx context.Context) (hostStatus, usage, error) {
	if err := m.idle(ctx); err != nil {
		return hostStatus{}, usage{}, err
	}
	status, err := m.hostStatus(ctx)
	if err != nil {
		return status, usage{}, err
	}
	processes, err := m.processes(ctx)
	if err != nil {
		return status, usage{}, err
	}
	from, err := readUsage(processes)
	return status, from, err
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
