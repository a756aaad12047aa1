package outage_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"boxoffice/consumers/internal/memory/mempay"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
)

// plan is what a buyer does once the order is held.
type plan int

const (
	pays plan = iota
	paysLate
	abandons
	cancels
	plans
)

// buyer has one order for one seat.
type buyer struct {
	plan    plan
	at      time.Time
	message message.PlaceOrder
	// secret is known once the order awaits payment; dueAt is when the buyer then pays.
	secret pay.Created
	dueAt  time.Time
	// holdEnd is the end of the order's hold. authorized is when the bank authorised the amount.
	holdEnd    contracts.Instant
	authorized time.Time
	cancelled  bool
	// row is the settled order, nil before.
	row *order.Order
}

// buyers returns n buyers, who order one after another from begin on, within that time, in all groups in turn. Each fifth wants
// the seat of the one before it in its group.
func (w *world) buyers(n, firstSeat int, begin time.Time, within time.Duration) []*buyer {
	all := make([]*buyer, n)
	for i := range all {
		round := i / w.groups
		seat := firstSeat + round
		if i%5 == 4 && round > 0 {
			seat--
		}
		m := ordertest.Placed(seatGroup(i%w.groups), seatName(seat))
		m.UserID = "buyer-of-" + string(m.OrderID)
		all[i] = &buyer{plan: plan(i/3) % plans, at: begin.Add(within * time.Duration(i) / time.Duration(n)), message: m}
	}
	return all
}

func (w *world) send(m message.Message) {
	e, err := message.Encode(m, "")
	if err != nil {
		w.t.Error(err)
		return
	}
	if _, err := w.queues[string(e.Queue)].Send(context.Background(), e); err != nil {
		w.t.Error(err)
	}
}

// play lets the buyers act once a second until every order is settled, or until the given time.
func (w *world) play(buyers []*buyer, until time.Time) {
	open := slices.Clone(buyers)
	for len(open) > 0 && time.Now().Before(until) {
		open = slices.DeleteFunc(open, w.act)
		time.Sleep(time.Second)
	}
}

// paidInTime says whether the bank authorised the amount a minute before the end of the hold.
func (b *buyer) paidInTime() bool {
	return !b.authorized.IsZero() && b.authorized.Before(b.holdEnd.Time().Add(-time.Minute))
}

// act does what a buyer does in a second. It says whether the order is settled.
func (w *world) act(b *buyer) (settled bool) {
	at := time.Now()
	if at.Before(b.at) {
		return false
	}
	if b.message.AcceptedAt < contracts.InstantOf(b.at) {
		w.placeOrder(b, at)
		return false
	}
	row, found, err := w.rows.Read(context.Background(), b.message.OrderID)
	switch {
	case err != nil || !found:
		return false
	case row.Status.Settled():
		b.row = &row
		return true
	case row.Status.Open() && !w.dynamo.failing():
		w.seeOrder(b, row)
	}
	if b.wantsToPay(at) && !w.stripe.failing() {
		w.confirmPayment(b, at)
	}
	return false
}

// placeOrder sends the order.
func (w *world) placeOrder(b *buyer, at time.Time) {
	b.message.AcceptedAt = contracts.InstantOf(at)
	b.message.Deadline = b.message.AcceptedAt.Add(time.Duration(w.topology.OrderDeadlineSeconds) * time.Second)
	w.send(b.message)
}

// wantsToPay says whether the buyer has the client secret, has not paid, and means to by now.
func (b *buyer) wantsToPay(at time.Time) bool {
	return b.secret.ID != "" && b.authorized.IsZero() && !b.dueAt.After(at) && (b.plan == pays || b.plan == paysLate)
}

// confirmPayment authorises the PaymentIntent with a good card. Stripe may refuse, since the PaymentIntent may be cancelled.
func (w *world) confirmPayment(b *buyer, at time.Time) {
	err := w.provider.Confirm(b.secret, mempay.CardGood)
	var refused *pay.ProviderError
	switch {
	case err == nil:
		b.authorized = at
	case !errors.As(err, &refused):
		w.t.Error(err)
	}
}

// seeOrder does what a buyer does who reads the open order.
func (w *world) seeOrder(b *buyer, row order.Order) {
	b.holdEnd = row.HoldExpiresAt
	if b.plan == cancels && !b.cancelled && row.AcceptedAt.Time().Add(20*time.Second).Before(time.Now()) {
		b.cancelled = true
		w.send(message.CancelOrder{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, CommandID: "c1"})
	}
	if row.Status == contracts.AwaitingPayment && b.secret.ID == "" {
		b.secret = pay.Created{ID: row.Payment.IntentID, ClientSecret: row.Payment.ClientSecret}
		b.dueAt = time.Now().Add(5 * time.Second)
		if b.plan == paysLate {
			b.dueAt = row.HoldExpiresAt.Time().Add(-61 * time.Second)
		}
	}
}

// moneyProblems returns what is wrong with the money of settled orders: an order must be charged if and only if it is CONFIRMED,
// and no authorisation may be left.
func (w *world) moneyProblems(buyers []*buyer) (problems []string) {
	rows := map[contracts.OrderID]contracts.Status{}
	for _, b := range buyers {
		if b.row != nil {
			rows[b.message.OrderID] = b.row.Status
		}
	}
	for after := ""; ; {
		page, err := w.provider.Entries(context.Background(), 0, now().Add(time.Hour), after)
		if err != nil {
			return append(problems, err.Error())
		}
		for _, e := range page.Entries {
			id := contracts.OrderID(e.Metadata[stripeevent.MetadataOrder])
			if e.Status == pay.StatusRequiresCapture || (e.Status == pay.StatusSucceeded) != (rows[id] == contracts.Confirmed) {
				problems = append(problems, string(id)+" is "+string(rows[id])+", its PaymentIntent "+e.Status)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	return problems
}
