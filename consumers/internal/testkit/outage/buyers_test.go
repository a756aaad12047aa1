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

// plan is what a buyer means to do once he holds seats.
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
	// secret is seen once his order awaits payment; dueAt is when he acts on it.
	secret pay.Created
	dueAt  time.Time
	// ends is D of his order. authorized is when his bank put the amount aside.
	ends       contracts.Instant
	authorized time.Time
	cancelled  bool
	// row is his order as it was found settled.
	row *order.Order
}

// buyers are so many orders from begin on within that time, over all groups in turn. Each fifth wants the seat of the one
// before it in its group.
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

// play has the buyers do what they mean to until every order is settled, or until the end.
func (w *world) play(buyers []*buyer, until time.Time) {
	open := slices.Clone(buyers)
	for len(open) > 0 && time.Now().Before(until) {
		open = slices.DeleteFunc(open, w.act)
		time.Sleep(time.Second)
	}
}

// paidInTime says whether his bank put the amount aside a minute before the end of his hold.
func (b *buyer) paidInTime() bool {
	return !b.authorized.IsZero() && b.authorized.Before(b.ends.Time().Add(-time.Minute))
}

// act is a buyer's second. It says whether his order is settled.
func (w *world) act(b *buyer) (settled bool) {
	at := time.Now()
	if at.Before(b.at) {
		return false
	}
	if b.message.AcceptedAt < contracts.InstantOf(b.at) {
		b.message.AcceptedAt = contracts.InstantOf(at)
		b.message.Deadline = b.message.AcceptedAt.Add(time.Duration(w.topology.OrderDeadlineSeconds) * time.Second)
		w.send(b.message)
		return false
	}
	row, found, err := w.rows.Read(context.Background(), b.message.OrderID)
	switch {
	case err != nil || !found:
		return false
	case row.Status.Settled():
		b.row = &row
		return true
	case row.Status.Open() && !w.dynamo.away():
		w.look(b, row)
	}
	if b.secret.ID != "" && b.authorized.IsZero() && !b.dueAt.After(at) && (b.plan == pays || b.plan == paysLate) && !w.stripe.away() {
		err := w.provider.Confirm(b.secret, mempay.CardGood)
		var refused *pay.ProviderError
		if err != nil && !errors.As(err, &refused) {
			w.t.Error(err)
		}
		if err == nil {
			b.authorized = at
		}
	}
	return false
}

// look is a buyer who sees his order.
func (w *world) look(b *buyer, row order.Order) {
	b.ends = row.HoldExpiresAt
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

// owed says what is wrong with the money of an order that is settled: charged and confirmed are one, and nothing stays
// put aside.
func (w *world) owed(buyers []*buyer) (problems []string) {
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
