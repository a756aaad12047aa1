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

// Books reads rows and tickets as an audit does, many at once. It is safe for concurrent use.
type Books interface {
	// ReadMany reads rows consistently, in no order; ids without a row are left out. The ids must differ. An error that is
	// order.ErrUnreadable is about one of the rows, and another attempt fails too.
	ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error)
	// CountTickets reads consistently how many seats of each order have a ticket of that order.
	CountTickets(ctx context.Context, rows []order.Order) (map[contracts.OrderID]int, error)
}

// Notes stores which differences were reported, for longer than a PaymentIntent is audited.
type Notes interface {
	// Known says whether there is a note under this key.
	Known(ctx context.Context, key string) (bool, error)
	// Note writes a note, also over one with the same key.
	Note(ctx context.Context, n readmodel.LedgerNote) error
}

// audit compares Stripe's PaymentIntents of this environment with rows and tickets, and reports each difference. For a
// PaymentIntent that pays nothing and can still be paid it sends a VoidPayment, each time that it finds one, since an earlier
// VoidPayment may be lost.
func (h Pay) audit(ctx context.Context, m message.AuditLedger) error {
	p := pages{Pay: h, begun: m.After, at: m.After, deadline: m.Deadline}
	c := comparison{Pay: h, m: m}
	err := p.each(ctx, c.page)
	h.Meter.Put(telemetry.LedgerDifferences, float64(c.reported))
	h.Meter.Put(telemetry.LedgerDifferencesKnown, float64(c.known))
	h.Log.InfoContext(ctx, "ledger compared", telemetry.KeyCount, c.compared, telemetry.KeyDifferences, c.reported)
	return p.finish(ctx, message.KindAuditLedger, err, func(after string) message.Message {
		m.After = after
		return m
	})
}

// comparison is the part of an audit that one message does.
type comparison struct {
	Pay
	m message.AuditLedger
	// voids must be sent before the audit goes on behind their PaymentIntents.
	voids []message.Encoded
	// compared counts PaymentIntents of this environment. reported counts differences that were reported now, known those that
	// were reported before.
	compared, reported, known int
}

// page compares one page and returns the id behind which the next one begins. If the time ends or a call fails within the page, it
// returns the last id that it has compared.
func (c *comparison) page(ctx context.Context, after string) (next string, err error) {
	page, err := c.Provider.Entries(ctx, c.m.From, c.m.To, after)
	if err != nil {
		return "", err
	}
	var ours []Entry
	for _, e := range page.Entries {
		if e.Metadata[stripeevent.MetadataEnvironment] == c.Environment {
			ours = append(ours, e)
		}
	}
	accounts, err := c.accounts(ctx, ours)
	if err != nil {
		return "", err
	}
	for n, e := range ours {
		if n > 0 && !c.hasTime(ctx) {
			return c.flush(ctx, ours[n-1].ID, nil)
		}
		if err := c.compare(ctx, e, accounts[orderOf(e)]); err != nil {
			if n == 0 {
				return "", err
			}
			return c.flush(ctx, ours[n-1].ID, err)
		}
	}
	return c.flush(ctx, page.Next, nil)
}

// flush sends the voids of what was compared so far. Only then it returns the place from which the audit goes on, and the error
// that ended the page.
func (c *comparison) flush(ctx context.Context, place string, pageErr error) (string, error) {
	if len(c.voids) > 0 {
		if err := c.Sender.Send(ctx, c.voids...); err != nil {
			return "", fmt.Errorf("send VoidPayment: %w", err)
		}
		c.voids = nil
	}
	return place, pageErr
}

// account is the row and the tickets of the order that a PaymentIntent names.
type account struct {
	row   order.Order
	found bool
	// unreadable says that there is a row which cannot be read.
	unreadable bool
	// tickets counts the seats of the order that have its ticket. It is 0 unless the status says that the order has or had some.
	tickets int
}

// orderOf returns the order that a PaymentIntent names, "" if it names none.
func orderOf(e Entry) contracts.OrderID {
	id, err := contracts.ParseOrderID(e.Metadata[stripeevent.MetadataOrder])
	if err != nil {
		return ""
	}
	return id
}

// accounts reads the accounts of some PaymentIntents, which the caller has read before. Money is taken only for an order that owns
// its seats, so in this order of reads a charge is never seen without the row COMMITTED.
func (c *comparison) accounts(ctx context.Context, entries []Entry) (map[contracts.OrderID]account, error) {
	var ids []contracts.OrderID
	all := map[contracts.OrderID]account{}
	for _, e := range entries {
		id := orderOf(e)
		if _, listed := all[id]; !listed && id != "" {
			ids = append(ids, id)
		}
		all[id] = account{}
	}
	rows, unreadable, err := c.readRows(ctx, ids)
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
		if tickets, err = c.Books.CountTickets(ctx, ticketed); err != nil {
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

// readRows reads rows. It reports rows that cannot be read and skips them, since the audit would otherwise never get past them.
func (c *comparison) readRows(ctx context.Context, ids []contracts.OrderID) (rows []order.Order, unreadable []contracts.OrderID, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	rows, err = c.Books.ReadMany(ctx, ids)
	if !errors.Is(err, order.ErrUnreadable) {
		return rows, nil, err
	}
	rows = nil
	for _, id := range ids {
		row, found, err := c.Orders.Read(ctx, id)
		switch {
		case errors.Is(err, order.ErrUnreadable):
			c.reportSkipped(ctx, "row passed over", err, telemetry.KeyOrder, id)
			unreadable = append(unreadable, id)
		case err != nil:
			return nil, nil, err
		case found:
			rows = append(rows, row)
		}
	}
	return rows, unreadable, nil
}

// compare reports the differences of one PaymentIntent and queues its void if it needs one.
func (c *comparison) compare(ctx context.Context, e Entry, a account) error {
	if a.unreadable {
		return nil
	}
	c.compared++
	if err := c.report(ctx, e, a); err != nil {
		return err
	}
	if !needsVoid(e, a) {
		return nil
	}
	void, err := message.Encode(message.VoidPayment{
		OrderID: a.row.OrderID, ConcertID: a.row.ConcertID, Group: a.row.Group, PaymentIntentID: e.ID, CauseID: causeOf(c.m.Run, e.ID),
	}, "")
	if err != nil {
		c.reportSkipped(ctx, "void passed over", err, telemetry.KeyOrder, a.row.OrderID)
		return nil
	}
	c.voids = append(c.voids, void)
	return nil
}

// causeOf returns the cause of a VoidPayment, which differs for each audit and for each PaymentIntent. An id that is too long is
// cut at its beginning, since its end tells it from others.
func causeOf(run int64, intentID string) string {
	const maxLength = 48
	cause := "aud" + strconv.FormatInt(run, 10) + "_"
	return cause + intentID[max(0, len(intentID)-(maxLength-len(cause))):]
}

// report reports the differences that were not reported before. It compares those a second time, since Stripe or the books may
// have changed between the two reads.
func (c *comparison) report(ctx context.Context, e Entry, a account) error {
	var fresh []difference
	for _, d := range differences(e, a, contracts.InstantOf(c.Now())) {
		known, err := c.Notes.Known(ctx, readmodel.DifferenceKey(e.ID, d.word, d.amount))
		if err != nil {
			// A second report is better than none.
			c.Log.WarnContext(ctx, "note not read", telemetry.KeyPaymentIntent, e.ID, telemetry.KeyError, err.Error())
		}
		if known {
			c.known++
			continue
		}
		fresh = append(fresh, d)
	}
	if len(fresh) == 0 {
		return nil
	}
	confirmed, err := c.confirmed(ctx, e, fresh)
	if err != nil {
		return err
	}
	for _, d := range confirmed {
		c.reported++
		c.Log.ErrorContext(ctx, "ledger differs", telemetry.KeyOrder, e.Metadata[stripeevent.MetadataOrder], telemetry.KeyPaymentIntent, e.ID,
			telemetry.KeyReason, d.word, telemetry.KeyAmount, d.amount, telemetry.KeyStatus, a.row.Status)
		// The note is written after the report: a crash in between leads to a second report, and never to none.
		if err := c.Notes.Note(ctx, c.note(e, a, d)); err != nil {
			c.Log.WarnContext(ctx, "difference not noted", telemetry.KeyPaymentIntent, e.ID, telemetry.KeyError, err.Error())
		}
	}
	return nil
}

func (c *comparison) note(e Entry, a account, d difference) readmodel.LedgerNote {
	now := c.Now()
	return readmodel.LedgerNote{
		MessageKey: readmodel.DifferenceKey(e.ID, d.word, d.amount), OrderID: a.row.OrderID, PaymentIntentID: e.ID, Reason: d.word,
		At: contracts.InstantOf(now), ExpiresAt: now.Add(readmodel.LedgerNoteKept).Unix(),
	}.Listed()
}

// confirmed reads the PaymentIntent again, and then its account, and returns the differences that are still there. A step that was
// under way at the first comparison is complete by then.
func (c *comparison) confirmed(ctx context.Context, e Entry, all []difference) (still []difference, err error) {
	seen, err := c.Provider.Entry(ctx, e.ID)
	switch {
	case failureOf(err) == FailureBug:
		// This PaymentIntent cannot be read again, and the later ones must not wait for it.
		c.reportSkipped(ctx, "second comparison passed over", err, telemetry.KeyPaymentIntent, e.ID)
		return all, nil
	case err != nil:
		return nil, err
	}
	accounts, err := c.accounts(ctx, []Entry{seen})
	if err != nil {
		return nil, err
	}
	now := differences(seen, accounts[orderOf(seen)], contracts.InstantOf(c.Now()))
	for _, d := range all {
		if slices.Contains(now, d) {
			still = append(still, d)
		}
	}
	return still, nil
}
