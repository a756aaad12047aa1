package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// pay holds two seats, confirms the payment with a card that is declined and then with a good one, and shows the order until it
// is CONFIRMED.
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
		declined, err := hana.WaitFor(ctx, order.OrderID, func(o apiclient.Order) bool { return o.Payment != nil && o.Payment.LastError != nil })
		if err != nil {
			return err
		}
		d.sayf("   GET says: %s (%s). The order is still %s, at version %d.",
			declined.Payment.LastError.Message, declined.Payment.LastError.Code, declined.Status, declined.Version)
	}
	paid, err := hana.WaitFor(ctx, order.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	d.sayf("   Stripe sent its signed webhook, Hana got the tickets, and only then the money was captured:")
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

// charged waits until the wanted effect is the order's last one in the journal of the stand-in for Stripe, and prints the order's
// effects.
func (d demo) charged(ctx context.Context, o apiclient.Order, want, before string) error {
	var effects []string
	if err := await(ctx, func() (bool, string, error) {
		all, err := d.Effects(ctx)
		last := ""
		effects = nil
		for _, e := range all {
			if string(e.Order) == o.OrderID {
				last = e.Kind
				effects = append(effects, fmt.Sprintf("%s %s", e.Kind, money(contracts.Money{Minor: e.Amount, Currency: o.Amount.Currency})))
			}
		}
		return last == want, fmt.Sprintf("the payment of %s is %v, not %s", o.OrderID, effects, want), err
	}); err != nil {
		return err
	}
	d.sayf("%s%s", before, strings.Join(effects, ", "))
	return nil
}
