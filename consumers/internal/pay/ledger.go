package pay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// Books are rows and tickets, as an audit reads them: many at once.
type Books interface {
	// ReadMany is a consistent read of rows, in no order; ids without a row are left out. No id may be there twice. An error
	// that is order.ErrUnreadable is about one of the rows, and another attempt meets it again.
	ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error)
	// CountTickets is a consistent read of how many seats of each order have a ticket that is the order's.
	CountTickets(ctx context.Context, rows []order.Order) (map[contracts.OrderID]int, error)
}

// Notes remember which differences were reported, longer than a PaymentIntent is looked at.
type Notes interface {
	// Known says whether there is a note under this key.
	Known(ctx context.Context, key string) (bool, error)
	Note(ctx context.Context, n readmodel.LedgerNote) error
}

// audit compares what Stripe has of this environment with rows and tickets, and reports each difference. A PaymentIntent that
// pays nothing and can still be paid is given back by a VoidPayment, in every look that finds it: its own may be lost.
func (h Pay) audit(ctx context.Context, m message.AuditLedger) error {
	p := pages{Pay: h, begun: m.After, at: m.After, deadline: m.Deadline}
	l := look{Pay: h, m: m}
	err := p.each(ctx, l.page)
	h.Meter.Put(telemetry.LedgerDifferences, float64(l.reported))
	h.Meter.Put(telemetry.LedgerDifferencesKnown, float64(l.known))
	h.Log.InfoContext(ctx, "ledger compared", telemetry.KeyCount, l.looked, telemetry.KeyDifferences, l.reported)
	return p.end(ctx, message.KindAuditLedger, err, func(after string) message.Message {
		m.After = after
		return m
	})
}

// look is what one message does of an audit.
type look struct {
	Pay
	m message.AuditLedger
	// voids are to be sent before the look goes past their PaymentIntents.
	voids []message.Encoded
	// looked are PaymentIntents of this environment; of their differences some were reported, others were known.
	looked, reported, known int
}

// page compares one page, and returns what the next is behind. It ends in the middle where time or a failure ends it; then
// it returns how far it got.
func (l *look) page(ctx context.Context, after string) (next string, err error) {
	page, err := l.Provider.Entries(ctx, l.m.From, l.m.To, after)
	if err != nil {
		return "", err
	}
	var ours []Entry
	for _, e := range page.Entries {
		if e.Metadata[stripeevent.MetadataEnvironment] == l.Environment {
			ours = append(ours, e)
		}
	}
	accounts, err := l.accounts(ctx, ours)
	if err != nil {
		return "", err
	}
	for n, e := range ours {
		if n > 0 && !l.hasTime(ctx) {
			return l.flush(ctx, ours[n-1].ID, nil)
		}
		if err := l.compare(ctx, e, accounts[orderOf(e)]); err != nil {
			if n == 0 {
				return "", err
			}
			return l.flush(ctx, ours[n-1].ID, err)
		}
	}
	return l.flush(ctx, page.Next, nil)
}

// flush sends the voids of what was compared so far, and only then lets the look go past it.
func (l *look) flush(ctx context.Context, place string, failed error) (string, error) {
	if len(l.voids) > 0 {
		if err := l.Sender.Send(ctx, l.voids...); err != nil {
			return "", fmt.Errorf("send VoidPayment: %w", err)
		}
		l.voids = nil
	}
	return place, failed
}

// account is what is in the books for a PaymentIntent.
type account struct {
	row   order.Order
	found bool
	// unreadable says that there is a row which cannot be read.
	unreadable bool
	// tickets are those of the order's seats that are its own. They are counted only where an order has or had some.
	tickets int
}

// orderOf is the order that a PaymentIntent names; what is no order id has no row.
func orderOf(e Entry) contracts.OrderID {
	id, err := contracts.ParseOrderID(e.Metadata[stripeevent.MetadataOrder])
	if err != nil {
		return ""
	}
	return id
}

// accounts reads the books for some PaymentIntents. The books are read after the PaymentIntents were: money is taken only of an
// order that owns its seats, so that a charge that is seen has its row.
func (l *look) accounts(ctx context.Context, entries []Entry) (map[contracts.OrderID]account, error) {
	var ids []contracts.OrderID
	all := map[contracts.OrderID]account{}
	for _, e := range entries {
		id := orderOf(e)
		if _, twice := all[id]; !twice && id != "" {
			ids = append(ids, id)
		}
		all[id] = account{}
	}
	rows, unreadable, err := l.rows(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	var ticketed []order.Order
	for _, row := range rows {
		if row.Status.Paid() || row.Status == contracts.Refunded || row.Status == contracts.Revoked {
			ticketed = append(ticketed, row)
		}
	}
	tickets := map[contracts.OrderID]int{}
	if len(ticketed) > 0 {
		if tickets, err = l.Books.CountTickets(ctx, ticketed); err != nil {
			return nil, fmt.Errorf("count tickets: %w", err)
		}
	}
	for _, row := range rows {
		all[row.OrderID] = account{row: row, found: true, tickets: tickets[row.OrderID]}
	}
	for _, id := range unreadable {
		all[id] = account{unreadable: true}
	}
	return all, nil
}

// rows reads rows, and passes over those that cannot be read: they would keep the look at this place for ever.
func (l *look) rows(ctx context.Context, ids []contracts.OrderID) (rows []order.Order, unreadable []contracts.OrderID, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	rows, err = l.Books.ReadMany(ctx, ids)
	if !errors.Is(err, order.ErrUnreadable) {
		return rows, nil, err
	}
	rows = nil
	for _, id := range ids {
		row, found, err := l.Orders.Read(ctx, id)
		switch {
		case errors.Is(err, order.ErrUnreadable):
			l.passOver(ctx, "row passed over", err, telemetry.KeyOrder, id)
			unreadable = append(unreadable, id)
		case err != nil:
			return nil, nil, err
		case found:
			rows = append(rows, row)
		}
	}
	return rows, unreadable, nil
}

// compare does what there is to do about one PaymentIntent.
func (l *look) compare(ctx context.Context, e Entry, a account) error {
	if a.unreadable {
		return nil
	}
	l.looked++
	if err := l.report(ctx, e, a); err != nil {
		return err
	}
	if !pending(e, a) {
		return nil
	}
	void, err := message.Encode(message.VoidPayment{
		OrderID: a.row.OrderID, ConcertID: a.row.ConcertID, Group: a.row.Group, PaymentIntentID: e.ID, CauseID: causeOf(l.m.Run, e.ID),
	}, "")
	if err != nil {
		l.passOver(ctx, "void passed over", err, telemetry.KeyOrder, a.row.OrderID)
		return nil
	}
	l.voids = append(l.voids, void)
	return nil
}

// causeOf is the cause of a VoidPayment: another in each look, and for each PaymentIntent of an order. The end of an id tells
// it from others, if there is no room for all of it.
func causeOf(run int64, intentID string) string {
	const most = 48
	cause := "aud" + strconv.FormatInt(run, 10) + "_"
	return cause + intentID[max(0, len(intentID)-(most-len(cause))):]
}

// report reports the differences that were not reported before. Each is looked at once more: between the look at Stripe and
// that at the books both may have moved on.
func (l *look) report(ctx context.Context, e Entry, a account) error {
	var unknown []difference
	for _, d := range differences(e, a, contracts.InstantOf(l.Now())) {
		known, err := l.Notes.Known(ctx, readmodel.DifferenceKey(e.ID, d.word, d.amount))
		if err != nil {
			// Reported twice is better than not at all.
			l.Log.WarnContext(ctx, "note not read", telemetry.KeyPaymentIntent, e.ID, telemetry.KeyError, err.Error())
		}
		if known {
			l.known++
			continue
		}
		unknown = append(unknown, d)
	}
	if len(unknown) == 0 {
		return nil
	}
	confirmed, err := l.confirmed(ctx, e, unknown)
	if err != nil {
		return err
	}
	for _, d := range confirmed {
		l.reported++
		l.Log.ErrorContext(ctx, "ledger differs", telemetry.KeyOrder, e.Metadata[stripeevent.MetadataOrder], telemetry.KeyPaymentIntent, e.ID,
			telemetry.KeyReason, d.word, telemetry.KeyAmount, d.amount, telemetry.KeyStatus, a.row.Status)
		// Reported first and noted then: a crash in between reports it twice, and never not at all.
		if err := l.Notes.Note(ctx, l.note(e, a, d)); err != nil {
			l.Log.WarnContext(ctx, "difference not noted", telemetry.KeyPaymentIntent, e.ID, telemetry.KeyError, err.Error())
		}
	}
	return nil
}

func (l *look) note(e Entry, a account, d difference) readmodel.LedgerNote {
	now := l.Now()
	return readmodel.LedgerNote{
		MessageKey: readmodel.DifferenceKey(e.ID, d.word, d.amount), OrderID: a.row.OrderID, PaymentIntentID: e.ID, Reason: d.word,
		At: contracts.InstantOf(now), ExpiresAt: now.Add(readmodel.LedgerNoteKept).Unix(),
	}
}

// confirmed are the differences that are still there between the PaymentIntent as it is now and the books as they are after
// that. One that is on its way when both are looked at in this order has come to its end when they are looked at again.
func (l *look) confirmed(ctx context.Context, e Entry, all []difference) (still []difference, err error) {
	seen, err := l.Provider.Entry(ctx, e.ID)
	switch {
	case failureOf(err) == FailureBug:
		// There is no second look at it, and the PaymentIntents behind it do not wait for one.
		l.passOver(ctx, "second look passed over", err, telemetry.KeyPaymentIntent, e.ID)
		return all, nil
	case err != nil:
		return nil, err
	}
	accounts, err := l.accounts(ctx, []Entry{seen})
	if err != nil {
		return nil, err
	}
	now := differences(seen, accounts[orderOf(seen)], contracts.InstantOf(l.Now()))
	for _, d := range all {
		if slices.Contains(now, d) {
			still = append(still, d)
		}
	}
	return still, nil
}
