package queries

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/admission"
)

// Seatings has the seats of layouts. found is false if there is no such version. Seating may block for a read, until ctx ends, and
// is safe for concurrent use; an error means that the layout is not known.
type Seatings interface {
	Seating(ctx context.Context, concertID string, version int, frozen bool) (seating *admission.Seating, found bool, err error)
}

// groupsOf returns the groups of a row's layout, which never changes: only a frozen version is sold. They are nil if there is no
// such layout, as for a row that was written without its message.
func groupsOf(ctx context.Context, seatings Seatings, row readmodel.Order) ([]readmodel.LayoutGroup, error) {
	if row.LayoutVersion < 1 {
		return nil, nil
	}
	layout, found, err := seatings.Seating(ctx, row.ConcertID, row.LayoutVersion, true)
	if err != nil || !found {
		return nil, err
	}
	return layout.Groups(), nil
}

// Near finds seats that the buyer of a rejected order could have instead.
type Near interface {
	// Suggest may block for a read of the layout and one of Redis, until ctx ends. It returns nothing if there are no such
	// seats, or if they are not known. It is safe for concurrent use.
	Suggest(ctx context.Context, row readmodel.Order) []seating.Suggestion
}

// nearFor is how long after its end an order is told what is near. Later its buyer has chosen already, and an old order costs no
// read of Redis.
const nearFor = 10 * time.Minute

// KeptNear implements Near. It keeps the maps of a concert for a second and reads them once for all who ask at the same time, so
// that the reads of Redis do not grow with the number of rejected orders: in a stampede most are. Make it with NewNear.
type KeptNear struct {
	concerts Catalogue
	seatings Seatings
	seats    SeatMaps
	log      *slog.Logger
	now      func() time.Time
	kept     *shared[*lookedAt]
}

// NewNear makes a KeptNear without maps.
func NewNear(concerts Catalogue, seatings Seatings, seats SeatMaps, log *slog.Logger, now func() time.Time) *KeptNear {
	return &KeptNear{concerts: concerts, seatings: seatings, seats: seats, log: log, now: now, kept: newShared[*lookedAt]()}
}

// Suggest implements Near.
func (n *KeptNear) Suggest(ctx context.Context, row readmodel.Order) []seating.Suggestion {
	now := n.now()
	if !refusedForSeats(row) || unchanged(row, contracts.InstantOf(now)) > nearFor {
		return nil
	}
	suggested, err := n.suggest(ctx, row, now)
	if err != nil {
		n.log.WarnContext(ctx, "no seats suggested", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	}
	return suggested
}

// refusedForSeats reports whether an order was refused for its seats, and its row says which seats it asked for.
func refusedForSeats(row readmodel.Order) bool {
	if row.Reason == nil {
		return false
	}
	switch row.Reason.Code {
	case contracts.ReasonSeatTaken, contracts.ReasonSeatLost:
		return len(row.Seats) > 0
	case contracts.ReasonNoAdjacent:
		return row.Asked != nil
	default:
		return false
	}
}

func (n *KeptNear) suggest(ctx context.Context, row readmodel.Order, now time.Time) ([]seating.Suggestion, error) {
	concert, found, err := n.concerts.Concert(ctx, row.ConcertID)
	if err != nil || !found || concert.Sale(contracts.InstantOf(now)) != readmodel.SaleOpen || concert.LayoutVersion != row.LayoutVersion {
		return nil, err
	}
	layout, err := groupsOf(ctx, n.seatings, row)
	if err != nil {
		return nil, err
	}
	rules := seating.RulesOf(concert, contracts.InstantOf(now))
	wish, find := finder(rules, row, layout)
	if find == nil {
		return nil, nil
	}
	looked, err := n.mapsOf(ctx, layoutitem.Ref{ConcertID: row.ConcertID, Version: row.LayoutVersion}, layout)
	if looked == nil || looked.maps == nil {
		return nil, err
	}
	return looked.offersFor(wish, find), err
}

// finder returns what finds seats near those that an order asked for, on the maps of the layout's groups; nil if the layout does
// not have the seats. An order for named seats that came so far named as many accessible places as its buyer may have. The key is of
// what is the same for every order with the wish; nil if the order named its seats.
func finder(rules seating.Rules, row readmodel.Order, layout []readmodel.LayoutGroup) (*offerKey, func([]seatstate.Snapshot) []seating.Suggestion) {
	if a := row.Asked; a != nil && row.Reason.Code == contracts.ReasonNoAdjacent {
		wish := seating.Wish{Section: a.Section, Quantity: a.Quantity, Accessible: a.Accessible, Released: rules.Released}
		return &offerKey{rules: rules, wish: wish}, func(maps []seatstate.Snapshot) []seating.Suggestion { return rules.SuggestTo(wish, layout, maps) }
	}
	at := slices.IndexFunc(layout, func(g readmodel.LayoutGroup) bool { return g.Group == row.Group })
	if at < 0 {
		return nil, nil
	}
	places, _, ok := layout[at].Places(row.Seats)
	if !ok {
		return nil, nil
	}
	asked := rules.AskedFor(layout[at], places, len(places))
	return nil, func(maps []seatstate.Snapshot) []seating.Suggestion { return rules.Suggest(asked, layout, maps) }
}

// mapsOf returns the maps of a layout's groups, at most answerKept old. An error is about the groups that did not answer; the
// request that read gets it, others get the maps alone.
func (n *KeptNear) mapsOf(ctx context.Context, of layoutitem.Ref, layout []readmodel.LayoutGroup) (*lookedAt, error) {
	var failed error
	looked, err := n.kept.get(ctx, of, n.now, func(time.Time) (*lookedAt, error) {
		keys := make([]seatstate.GroupVersion, len(layout))
		for i, g := range layout {
			keys[i] = seatstate.In(contracts.SeatGroup{ConcertID: of.ConcertID, Group: g.Group}, of.Version)
		}
		var maps []seatstate.Snapshot
		maps, failed = n.seats.Maps(ctx, keys)
		if ctx.Err() != nil {
			return lookAt(maps), failed // by the end of this request, which says nothing about Redis
		}
		// Also no answer is kept: while Redis is down, it is not asked again for each order.
		return lookAt(maps), nil
	})
	if failed != nil {
		err = failed
	}
	return looked, err
}
