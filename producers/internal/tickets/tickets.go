// Package tickets answers the routes of tickets: a buyer's tickets with their codes, an order's tickets as PDF and as a calendar
// entry, and the revoked codes of a concert for gates. There is one file for each route. This package alone signs tickets.
package tickets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/ticketcode"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
)

// Orders reads orders. It is safe for concurrent use. Its methods block until they have an answer or ctx ends; an error means that
// the answer is not known.
type Orders interface {
	// Order reads an order's row, consistently.
	Order(ctx context.Context, id contracts.OrderID) (row readmodel.Order, found bool, err error)
	// OrdersOf returns the rows of at most limit (1 to 100) of the buyer's orders, the newest first, beginning after the given key; a
	// key without an order is before all. more says that there are others after them. The rows are read consistently.
	OrdersOf(ctx context.Context, userID string, after readmodel.OrderKey, limit int) (rows []readmodel.Order, more bool, err error)
}

// Owners verifies order ids. It does no I/O and is safe for concurrent use.
type Owners interface {
	// Verify returns the id and true if it is this buyer's.
	Verify(userID, id string) (contracts.OrderID, bool)
}

// Catalogue has concerts, some seconds old at most, and the seats of layouts. It is safe for concurrent use. Its methods may block
// for a read, until ctx ends. found is false if there is no such item; an error means that it is not known.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (concert readmodel.Concert, found bool, err error)
	Seating(ctx context.Context, concertID string, version int, frozen bool) (seating *admission.Seating, found bool, err error)
}

// People reads who a buyer is. It is safe for concurrent use.
type People interface {
	// Person returns the name and the locale of an account. It blocks until then or until ctx ends.
	Person(ctx context.Context, userID string) (person readmodel.Person, found bool, err error)
}

// Tickets answers the routes of buyers. It is safe for concurrent use.
type Tickets struct {
	Orders    Orders
	Owners    Owners
	Catalogue Catalogue
	People    People
	Keys      ticketcode.Set
	// SiteURL is the address of the site, without a slash at its end.
	SiteURL string
	Log     *slog.Logger
	Now     func() time.Time
}

// ticket is a ticket as its holder sees it. The holder of every ticket is the buyer of its order as long as there are no transfers.
// A list of another holder's tickets then needs another way to find them; all else here works on a ticket.
type ticket struct {
	orderview.Ticket
	// code is the text of the QR code; "" if the ticket is not valid.
	code string
	// area says that the place is in a standing area and not a seat in a row.
	area bool
}

var (
	errNoKey    = errors.New("no ticket key signs yet: the secret has only keys of later instants")
	errNoSeats  = errors.New("the order's layout does not have its seats")
	errNoLayout = errors.New("the order's layout does not exist")
)

// of returns the tickets of an order. unsigned is why valid tickets have no code; it is not nil only if the row and the layout do
// not fit each other, which no repeat mends. err means that the layout cannot be read right now.
func (h Tickets) of(ctx context.Context, row readmodel.Order) (tickets []ticket, unsigned, err error) {
	if orderview.TicketsOf(row, nil) == nil {
		return nil, nil, nil
	}
	var layout []readmodel.LayoutGroup
	if seating, found, err := h.Catalogue.Seating(ctx, row.ConcertID, row.LayoutVersion, true); err != nil {
		return nil, nil, fmt.Errorf("layout of order %s: %w", row.OrderID, err)
	} else if found {
		layout = seating.Groups()
	} else {
		unsigned = errNoLayout
	}
	key, found := h.Keys.Signing(h.Now())
	if !found {
		return nil, nil, errNoKey
	}
	group := slices.IndexFunc(layout, func(g readmodel.LayoutGroup) bool { return g.Group == row.Group })
	for _, shown := range orderview.TicketsOf(row, layout) {
		t := ticket{Ticket: shown}
		place := -1
		if group >= 0 {
			place = slices.Index(layout[group].Seats, shown.Seat)
			t.area = layout[group].Kind == readmodel.KindArea
		}
		seat, outside := ticketcode.SeatAt(group, place)
		switch {
		case shown.Status != contracts.TicketValid:
		case outside == nil:
			t.code = key.Encode(row.ConcertID, seat, ticketcode.CodeOfSeat(row, shown.Seat))
		case unsigned == nil:
			unsigned = errNoSeats
		}
		tickets = append(tickets, t)
	}
	return tickets, unsigned, nil
}

// order reads the order that a request is about. The error is a *Problem: 404 for every order that is not the caller's.
func (h Tickets) order(ctx context.Context, r httpapi.Request) (user string, row readmodel.Order, err error) {
	if user, err = r.RequireUser(); err != nil {
		return "", row, err
	}
	notFound := httpapi.NewProblem(httpapi.CodeOrderNotFound, "You have no such order.")
	id, ok := h.Owners.Verify(user, r.PathParameters["orderId"])
	if !ok {
		return "", row, notFound
	}
	row, found, err := h.Orders.Order(ctx, id)
	if err != nil {
		return "", row, h.unavailable(ctx, "row not read", err)
	}
	if found && !row.OwnedBy(user) {
		return "", row, notFound
	}
	// An order that is not decided yet has no row, and no tickets.
	return user, row, nil
}

func notConfirmed(row readmodel.Order) error {
	switch {
	case row.Status == contracts.Refunded:
		return httpapi.NewProblem(httpapi.CodeOrderNotConfirmed, "The tickets of this order were refunded and are not valid any more.")
	case row.Status.Dead():
		return httpapi.NewProblem(httpapi.CodeOrderNotConfirmed, "This order has ended without tickets.")
	default:
		return httpapi.NewProblem(httpapi.CodeOrderNotConfirmed, "This order has no tickets yet. It gets them once it is CONFIRMED.")
	}
}

func (h Tickets) unavailable(ctx context.Context, what string, err error) error {
	return unavailable(ctx, h.Log, what, err)
}

func unavailable(ctx context.Context, log *slog.Logger, what string, err error) error {
	log.WarnContext(ctx, what, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	return httpapi.NewProblem(httpapi.CodeUnavailable, "Tickets cannot be read right now.")
}

// broken logs that an order's row and layout do not fit each other.
func (h Tickets) broken(ctx context.Context, row readmodel.Order, err error) {
	h.Log.ErrorContext(ctx, "tickets without a code", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
}

// own are the headers of an answer for one buyer alone.
func own() httpapi.Headers { return httpapi.Headers{"Cache-Control": "no-store"} }

// ok is the status of every answer that is no problem.
const ok = http.StatusOK
