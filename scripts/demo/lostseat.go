package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// lostSeat deletes one buyer's hold from Redis, as a failover to a lagging replica would, so that another buyer can hold the seat
// too. Both payments are authorised. The buyer who pays first owns the seat, and the other is not charged. It is the only step
// that changes Redis directly, to simulate a fault.
func (d demo) lostSeat(ctx context.Context, group string, seats []string) error {
	ida, err := d.buyer("ida")
	if err != nil {
		return err
	}
	jon, err := d.buyer("jon")
	if err != nil {
		return err
	}
	first, err := d.payable(ctx, ida, seats)
	if err != nil {
		return err
	}
	if err := d.forget(ctx, group, first); err != nil {
		return err
	}
	d.sayf("   Redis loses Ida's hold. Jon can hold the seat too:")
	second, err := d.payable(ctx, jon, seats)
	if err != nil {
		return err
	}
	if _, err := d.Confirm(ctx, second.Payment.ClientSecret, "pm_card_visa"); err != nil {
		return err
	}
	won, err := jon.WaitFor(ctx, second.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	if _, err := d.Confirm(ctx, first.Payment.ClientSecret, "pm_card_visa"); err != nil {
		return err
	}
	lost, err := ida.WaitFor(ctx, first.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	d.sayf("   Jon pays first, and then Ida. Jon's order is %s; Ida's:", won.Status)
	d.timeline(lost)
	if won.Status != contracts.Confirmed || lost.Status != contracts.Rejected || lost.Reason == nil || lost.Reason.Code != contracts.ReasonSeatLost {
		return fmt.Errorf("jon's order is %s, ida's %s (%+v)", won.Status, lost.Status, lost.Reason)
	}
	d.sayf("   %s", lost.Reason.Detail)
	return d.charged(ctx, first, "canceled", "   At Stripe, for Ida: ")
}

// forget deletes an order's seats and its record from a loaded group. Before that it waits until mirror has applied the latest
// version of the row: mirror would restore a missing hold.
func (d demo) forget(ctx context.Context, group string, o apiclient.Order) error {
	groups, _, err := d.seatMap(ctx)
	if err != nil {
		return err
	}
	keys := seatstate.KeysOf(contracts.SeatGroup{ConcertID: d.Concert, Group: group})
	if err := d.awaitVersion(ctx, keys, o); err != nil {
		return err
	}
	pipe := d.Redis.TxPipeline()
	pipe.HDel(ctx, keys.Orders, o.OrderID)
	pipe.ZRem(ctx, keys.Lapses, o.OrderID)
	for _, g := range groups {
		for place, seat := range g.Seats {
			if g.Group == group && slices.Contains(o.Seats, seat) {
				pipe.HDel(ctx, keys.Seats, strconv.Itoa(place))
				pipe.BitField(ctx, keys.Map, "SET", "u2", "#"+strconv.Itoa(place), 0)
			}
		}
	}
	_, err = pipe.Exec(ctx)
	return err
}

// awaitVersion waits until Redis has the version of the row that the API has shown.
func (d demo) awaitVersion(ctx context.Context, keys seatstate.Keys, o apiclient.Order) error {
	return await(ctx, func() (bool, string, error) {
		text, err := d.Redis.HGet(ctx, keys.Orders, o.OrderID).Result()
		if err != nil {
			return false, "", err
		}
		record, err := seatstate.ParseRecord(text)
		return record.Version >= o.Version, fmt.Sprintf("redis has version %d of order %s, not %d", record.Version, o.OrderID, o.Version), err
	})
}
