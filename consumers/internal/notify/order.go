package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// notifyOrder handles NotifyOrder: it pushes the order as it is now to the connections of its buyer, and sends the mail of its
// status. The channels work at the same time, so that neither takes the time of the other, and a failure of one does not stop the other.
func (n *Notifier) notifyOrder(ctx context.Context, m message.NotifyOrder) error {
	row, found, err := n.Orders.Read(ctx, m.OrderID)
	switch {
	case err != nil:
		return err
	case !found:
		// The event was made from the row, and a row is never deleted.
		return retry.Poison(reasonNoOrder, fmt.Errorf("order %s has no row", m.OrderID))
	case row.Version < m.RowVersion:
		return fmt.Errorf("order %s has version %d, and was to have %d", m.OrderID, row.Version, m.RowVersion)
	case row.UserID == "":
		return nil
	}
	var (
		pushed  error
		pushing sync.WaitGroup
	)
	defer pushing.Wait() // also if the mail panics: nothing works on after its handler
	pushing.Go(func() {
		pushed = retry.Safely("push", func() error { return n.push(ctx, row.Order) })
	})
	mailed := n.mailOrder(ctx, row.Order)
	pushing.Wait()
	if pushed != nil {
		// Even if the mail is poison: the frame would be lost with the message. A redelivered message finds the mail poison again.
		return retry.Retryable(errors.Join(pushed, mailed))
	}
	return mailed
}

// mailOrder sends the mail of an order's status, if there is one and the order reached the status a short time ago. An event of a
// status that the order has left since leads to the mail of the present status: nobody is told what is not so any more.
func (n *Notifier) mailOrder(ctx context.Context, row readmodel.Order) error {
	due, ok := mailDue(row)
	if !ok || n.now().Sub(due.reachedAt) > mailsUntil {
		return nil
	}
	send := sending{
		effect: readmodel.MailEffect(row.OrderID, due.version, row.UserID), kind: due.kind, userID: row.UserID,
		content: func(ctx context.Context, user readmodel.User) (mails.Content, error) {
			return n.orderContent(ctx, row, due.kind, user)
		},
	}
	sent, err := n.mail(ctx, send)
	if sent {
		n.Meter.Put(telemetry.MailLag, telemetry.Milliseconds(n.now().Sub(due.reachedAt)))
	}
	if err != nil {
		return fmt.Errorf("mail of order %s: %w", row.OrderID, err)
	}
	return nil
}

// orderContent returns what a mail about an order says.
func (n *Notifier) orderContent(ctx context.Context, row readmodel.Order, kind mails.Kind, user readmodel.User) (mails.Content, error) {
	concert, err := n.Catalogue.Concert(ctx, row.ConcertID)
	if err != nil {
		return mails.Content{}, err
	}
	return mails.Content{
		Kind: kind, User: user, Link: mails.OrderPage(n.Sender.Site, row.OrderID),
		Order: &mails.Order{Row: row, Concert: concert, Seats: mails.SeatsOf(row, n.layoutOf(ctx, row))},
	}, nil
}

// layoutOf returns the layout of an order; nil if it is not known. Then seats are shown by their names.
func (n *Notifier) layoutOf(ctx context.Context, row readmodel.Order) []readmodel.LayoutGroup {
	if row.LayoutVersion < 1 {
		return nil
	}
	layout, err := n.Catalogue.Layout(ctx, row.ConcertID, row.LayoutVersion)
	if err != nil {
		n.Log.WarnContext(ctx, "layout not read", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error())
	}
	return layout
}

// layoutOfTickets is layoutOf for an order that has tickets; nil for any other.
func (n *Notifier) layoutOfTickets(ctx context.Context, row readmodel.Order) []readmodel.LayoutGroup {
	if row.Status != contracts.Confirmed {
		return nil
	}
	return n.layoutOf(ctx, row)
}
