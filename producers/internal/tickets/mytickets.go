package tickets

import (
	"context"

	"boxoffice/contracts"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
)

type ticketsView struct {
	Tickets    []ticketView `json:"tickets"`
	NextCursor string       `json:"nextCursor,omitempty"`
}

type ticketView struct {
	ID        contracts.TicketID `json:"id"`
	OrderID   contracts.OrderID  `json:"orderId"`
	ConcertID string             `json:"concertId"`
	// Concert is omitted if the concert cannot be read.
	Concert *concertView           `json:"concert,omitempty"`
	Seat    string                 `json:"seat"`
	Status  contracts.TicketStatus `json:"status"`
	orderview.Place
	// QR is the text of the code; omitted if the ticket is not VALID.
	QR string `json:"qr,omitempty"`
}

// concertView is the summary of a concert beside a ticket.
type concertView struct {
	orderview.Concert
	DoorsAt     *contracts.Instant `json:"doorsAt,omitempty"`
	CancelledAt *contracts.Instant `json:"cancelledAt,omitempty"`
}

// ticketCursor is where a page ends: behind the first Shown tickets of an order, or behind all of them if Shown is 0.
type ticketCursor struct {
	AcceptedAt contracts.Instant `json:"a"`
	OrderID    contracts.OrderID `json:"i"`
	Shown      int               `json:"n"`
}

// Bounds of the reads of one request. Orders without tickets are read and not shown, so a page may be short, or even empty, and
// still have a next one.
const (
	ordersPerRead = 50
	maxReads      = 4
)

// List answers GET /api/me/tickets: the tickets of the newest order first, those of an order in the order of its seats. A cursor is
// bound to the buyer: its list has the buyer's id, and its order must be the buyer's.
func (h Tickets) List(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	user, err := r.RequireUser()
	if err != nil {
		return httpapi.Response{}, err
	}
	asked, err := httpapi.PageOf[ticketCursor](r, "tickets of "+user)
	if err != nil {
		return httpapi.Response{}, err
	}
	after := asked.After
	if after != (ticketCursor{}) {
		if _, mine := h.Owners.Verify(user, string(after.OrderID)); !mine || after.AcceptedAt <= 0 || after.Shown < 0 {
			return httpapi.Response{}, httpapi.InvalidCursor()
		}
	}
	page := page{Tickets: h, user: user, limit: asked.Limit, concerts: map[string]*concertView{}, view: ticketsView{Tickets: []ticketView{}}}
	next, err := page.read(ctx, after)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "tickets of a buyer not read", err)
	}
	if next != nil {
		page.view.NextCursor = asked.Encode(*next)
	}
	return httpapi.JSON(ok, page.view, own()), nil
}

// page collects the tickets of one answer.
type page struct {
	Tickets
	user     string
	limit    int
	concerts map[string]*concertView
	view     ticketsView
}

// read fills the page from a position on. It returns where the next page begins; nil if there is none.
func (p *page) read(ctx context.Context, after ticketCursor) (*ticketCursor, error) {
	if after.Shown > 0 {
		row, found, err := p.Orders.Order(ctx, after.OrderID)
		if err != nil {
			return nil, err
		}
		if found {
			if next, err := p.add(ctx, row, after.Shown); next != nil || err != nil {
				return next, err
			}
		}
	}
	key := readmodel.OrderKey{UserID: p.user, AcceptedAt: after.AcceptedAt, OrderID: after.OrderID}
	for range maxReads {
		rows, more, err := p.Orders.OrdersOf(ctx, p.user, key, ordersPerRead)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			// Checked before an order is added: a continued order may have filled the page, and a cursor that says "behind the first
			// 0 tickets of this order" would mean behind all of them.
			if p.full() {
				return behind(key), nil
			}
			if next, err := p.add(ctx, row, 0); next != nil || err != nil {
				return next, err
			}
			key.AcceptedAt, key.OrderID = row.AcceptedAt, row.OrderID
		}
		// Without a row to continue behind, the same page would be read again.
		if !more || len(rows) == 0 {
			return nil, nil
		}
		if p.full() {
			break
		}
	}
	return behind(key), nil
}

func (p *page) full() bool { return len(p.view.Tickets) == p.limit }

// behind returns the position behind all tickets of an order.
func behind(key readmodel.OrderKey) *ticketCursor {
	return &ticketCursor{AcceptedAt: key.AcceptedAt, OrderID: key.OrderID}
}

// add appends the tickets of an order behind the first shown. It returns where the next page begins if they do not all fit.
func (p *page) add(ctx context.Context, row readmodel.Order, shown int) (*ticketCursor, error) {
	// A row of somebody else must never be shown, whatever an index says.
	if row.UserID != p.user {
		return nil, nil
	}
	tickets, unsigned, err := p.of(ctx, row)
	if err != nil {
		return nil, err
	}
	if unsigned != nil {
		p.broken(ctx, row, unsigned)
	}
	for i, t := range tickets {
		switch {
		case i < shown:
			continue
		case p.full():
			return &ticketCursor{AcceptedAt: row.AcceptedAt, OrderID: row.OrderID, Shown: i}, nil
		}
		p.view.Tickets = append(p.view.Tickets, ticketView{
			ID: t.ID, OrderID: row.OrderID, ConcertID: row.ConcertID, Concert: p.concert(ctx, row.ConcertID), Seat: t.Seat, Status: t.Status, Place: t.Place, QR: t.code,
		})
	}
	return nil, nil
}

// concert returns the summary of a concert, or nil if it cannot be read: a ticket is shown without it.
func (p *page) concert(ctx context.Context, id string) *concertView {
	if known, tried := p.concerts[id]; tried {
		return known
	}
	concert, found, err := p.Catalogue.Concert(ctx, id)
	if err != nil {
		p.Log.WarnContext(ctx, "concert of a ticket not read", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	}
	var v *concertView
	if found && err == nil {
		v = &concertView{Concert: orderview.ConcertOf(concert), DoorsAt: optional(concert.DoorsAt), CancelledAt: optional(concert.CancelledAt)}
	}
	p.concerts[id] = v
	return v
}

// optional returns nil for an instant that a row does not have.
func optional(at contracts.Instant) *contracts.Instant {
	if at == 0 {
		return nil
	}
	return &at
}
