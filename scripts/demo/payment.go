package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// pay holds two seats, tries a card that is declined and then a good one, and shows how the order becomes CONFIRMED.
func (d demo) pay(ctx context.Context, seats []string) error {
	hana, err := d.buyer("hana")
	if err != nil {
		return err
	}
	order, err := d.payable(ctx, hana, seats)
	if err != nil {
		return err
	}
	for _, card := range []string{"pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_visa"} {
		answer, err := d.Confirm(ctx, order.Payment.ClientSecret, card)
		if err != nil {
			return err
		}
		d.sayf("   The browser confirms with %s: %s", card, cmp.Or(answer.Status, answer.Code))
		if answer.Status == "requires_capture" {
			continue
		}
		told, err := hana.WaitFor(ctx, order.OrderID, func(o apiclient.Order) bool { return o.Payment != nil && o.Payment.LastError != nil })
		if err != nil {
			return err
		}
		d.sayf("   GET says: %s (%s). The order is still %s, at version %d.", told.Payment.LastError.Message, told.Payment.LastError.Code, told.Status, told.Version)
	}
	paid, err := hana.WaitFor(ctx, order.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	d.sayf("   Stripe's signed webhook came, the seats became hers, and only then the money was taken:")
	d.timeline(paid)
	if paid.Status != contracts.Confirmed || len(paid.Tickets) != len(seats) {
		return fmt.Errorf("the order is %s with %d tickets", paid.Status, len(paid.Tickets))
	}
	for _, t := range paid.Tickets {
		d.sayf("     ticket %s for %s", t.ID, t.Seat)
	}
	if err := d.awaitShown(ctx, seats, seatstate.Sold); err != nil {
		return err
	}
	return d.charged(ctx, order, "captured", "   At Stripe: ")
}

// payable places an order and waits until it can be paid.
func (d demo) payable(ctx context.Context, buyer *apiclient.Client, seats []string) (apiclient.Order, error) {
	held, err := d.hold(ctx, buyer, seats)
	if err != nil {
		return held, err
	}
	order, err := buyer.WaitFor(ctx, held.OrderID, apiclient.Payable)
	if err == nil && (order.Status != contracts.AwaitingPayment || order.Payment == nil) {
		err = fmt.Errorf("the order is %s, not AWAITING_PAYMENT", order.Status)
	}
	return order, err
}

// charged waits until the journal of the stand-in for Stripe ends with this effect of the order, and prints its effects.
func (d demo) charged(ctx context.Context, o apiclient.Order, want, before string) error {
	for {
		all, err := d.Effects(ctx)
		if err != nil {
			return err
		}
		var effects []string
		last := ""
		for _, e := range all {
			if string(e.Order) == o.OrderID {
				last = e.Kind
				effects = append(effects, fmt.Sprintf("%s %s", e.Kind, money(contracts.Money{Minor: e.Amount, Currency: o.Amount.Currency})))
			}
		}
		if last == want {
			d.sayf("%s%s", before, strings.Join(effects, ", "))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the payment of %s is %v, not %s: %w", o.OrderID, effects, want, ctx.Err())
		case <-time.After(mapPoll):
		}
	}
}
