// Package admission decides which orders may enter the queue. Its rules compare a request with the concert, its layout, and the
// lags that Redis shows. It is pure: it reads no clock and no store. A refusal has a stable code and the seats that it is about;
// a refused order is not enqueued.
package admission

import (
	"fmt"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
)

// Request is the decoded body of POST /api/orders.
type Request struct {
	ConcertID string
	// Seats are named seats; nil if Best is set.
	Seats []string
	// Accessible is how many accessible places an order for named seats may have.
	Accessible int
	// Best asks for any adjacent seats; nil if Seats is set.
	Best *message.BestAvailable
}

// Size returns how many seats the request asks for.
func (r Request) Size() int {
	if r.Best != nil {
		return r.Best.Quantity
	}
	return len(r.Seats)
}

// Refusal says why an order may not enter the queue. It is an error.
type Refusal struct {
	Code   string
	Detail string
	// Seats are the seats that the rule is about; nil if it is about none in particular.
	Seats []string
	// Suggestions are seats that the buyer could have instead.
	Suggestions []seating.Suggestion
	// RetryAfter is how long the client should wait before it sends the order again; 0 if waiting does not help.
	RetryAfter time.Duration
}

// Error implements error.
func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// Codes of refusals that the request, the concert or the layout causes.
const (
	CodeSaleNotOpen     = "sale_not_open"
	CodeSaleOver        = "sale_over"
	CodeCancelled       = "concert_cancelled"
	CodeNoSeats         = "no_seats"
	CodeTooManySeats    = string(seating.RuleTooManySeats)
	CodeDuplicateSeat   = "duplicate_seat"
	CodeUnknownSeat     = "unknown_seat"
	CodeSeatsSpanGroups = "seats_span_groups"
	CodeUnknownSection  = "unknown_section"

	CodeAccessibleReserved = string(seating.RuleAccessibleReserved)
	CodeSingleSeatLeft     = string(seating.RuleSingleSeatLeft)
)

// Seating maps each seat of one layout version to its group and place. It is immutable and safe for concurrent use.
type Seating struct {
	groups []readmodel.LayoutGroup
	at     map[string]position
}

type position struct{ group, place int }

// NewSeating builds the index of a layout. It keeps groups, which must not change afterwards.
func NewSeating(groups []readmodel.LayoutGroup) *Seating {
	places := 0
	for _, group := range groups {
		places += len(group.Seats)
	}
	// Allocated at its full size: growing the map step by step would take as long again.
	s := &Seating{groups: groups, at: make(map[string]position, places)}
	for g, group := range groups {
		for p, seat := range group.Seats {
			s.at[seat] = position{group: g, place: p}
		}
	}
	return s
}

func (s *Seating) hasSection(section string) bool {
	return slices.ContainsFunc(s.groups, func(g readmodel.LayoutGroup) bool { return g.Section == section })
}

// IndexSize estimates the memory of the index in bytes, without that of the groups.
func (s *Seating) IndexSize() int {
	const perSeat = 48
	return len(s.at) * perSeat
}

// Groups returns the groups in the layout's order. The caller must not change them.
func (s *Seating) Groups() []readmodel.LayoutGroup { return s.groups }

// Admitted is what the rules found out about a request that may enter the queue.
type Admitted struct {
	// Group has all the named seats; not set for best-available, whose group is chosen from the seat maps.
	Group contracts.SeatGroup
	// at is the index of the group in the layout.
	at int
	// Places are the places of the named seats in their group, in the order of the request.
	Places        []int
	LayoutVersion int
	RequestHash   string
	// Rules are the rules of the concert at this instant.
	Rules seating.Rules
	// Seating is the layout that the request was checked against.
	Seating *Seating
	// Wish says which seats a best-available order may get at this instant.
	Wish seating.Wish
}

// Check applies every rule, in the order in which a buyer can correct them: the sale, the number of seats, then each seat. now is
// the producer's clock. The error is a *Refusal.
func Check(r Request, concert readmodel.Concert, layout *Seating, now contracts.Instant) (Admitted, error) {
	switch concert.Sale(now) {
	case readmodel.SaleCancelled:
		return Admitted{}, &Refusal{Code: CodeCancelled, Detail: "This concert is cancelled."}
	case readmodel.SaleOver:
		return Admitted{}, &Refusal{Code: CodeSaleOver, Detail: fmt.Sprintf("The sale of this concert ended at %s.", concert.OffSaleAt)}
	case readmodel.SaleScheduled:
		if now < concert.OnSaleAt {
			return Admitted{}, &Refusal{Code: CodeSaleNotOpen, Detail: fmt.Sprintf("The sale of this concert opens at %s.", concert.OnSaleAt)}
		}
		return Admitted{}, &Refusal{Code: CodeSaleNotOpen, Detail: "The seating of this concert is not final yet, so it cannot be sold."}
	}
	rules := seating.RulesOf(concert, now)
	if err := checkNumber(r, rules); err != nil {
		return Admitted{}, err
	}
	if r.Best != nil {
		if section := r.Best.Section; section != "" && !layout.hasSection(section) {
			return Admitted{}, &Refusal{Code: CodeUnknownSection, Detail: "The layout of this concert has no such section."}
		}
		if !rules.CompanionsFit(r.Best.Quantity, r.Best.Accessible) {
			return Admitted{}, &Refusal{Code: CodeAccessibleReserved, Detail: tooManyCompanions}
		}
		return Admitted{
			Seating:       layout,
			LayoutVersion: concert.LayoutVersion,
			Rules:         rules,
			RequestHash:   contracts.RequestHashBest(concert.ConcertID, r.Best.Section, r.Best.Quantity, r.Best.Accessible),
			Wish:          seating.WishOf(*r.Best, concert.AccessibleReleased(now)),
		}, nil
	}
	group, places, err := place(r.Seats, layout)
	if err != nil {
		return Admitted{}, err
	}
	return Admitted{
		Group:         contracts.SeatGroup{ConcertID: concert.ConcertID, Group: layout.groups[group].Group},
		at:            group,
		Places:        places,
		Seating:       layout,
		LayoutVersion: concert.LayoutVersion,
		Rules:         rules,
		RequestHash:   contracts.RequestHashNamed(concert.ConcertID, r.Seats, r.Accessible),
	}, nil
}

func checkNumber(r Request, rules seating.Rules) error {
	wanted := r.Size()
	switch {
	case wanted == 0:
		return &Refusal{Code: CodeNoSeats, Detail: "An order needs at least one seat."}
	case rules.Limits(wanted, 0) == seating.RuleTooManySeats:
		return &Refusal{Code: CodeTooManySeats, Detail: fmt.Sprintf("An order may have at most %d seats; this one asks for %d.", rules.LimitPerOrder, wanted)}
	}
	var twice []string
	for i, seat := range r.Seats {
		if slices.Contains(r.Seats[:i], seat) && !slices.Contains(twice, seat) {
			twice = append(twice, seat)
		}
	}
	if len(twice) > 0 {
		return &Refusal{Code: CodeDuplicateSeat, Detail: "A seat may be asked for once in an order.", Seats: twice}
	}
	return nil
}

// place returns the index of the one group that has all the seats, and their places in it.
func place(seats []string, layout *Seating) (group int, places []int, err error) {
	var unknown []string
	positions := make([]position, 0, len(seats))
	for _, seat := range seats {
		at, known := layout.at[seat]
		if !known {
			unknown = append(unknown, seat)
			continue
		}
		positions = append(positions, at)
	}
	if len(unknown) > 0 {
		return 0, nil, &Refusal{Code: CodeUnknownSeat, Detail: "The layout of this concert has no such seat.", Seats: unknown}
	}
	var elsewhere []string
	for i, at := range positions {
		if at.group != positions[0].group {
			elsewhere = append(elsewhere, seats[i])
		}
		places = append(places, at.place)
	}
	if len(elsewhere) > 0 {
		return 0, nil, &Refusal{
			Code:   CodeSeatsSpanGroups,
			Detail: fmt.Sprintf("All seats of an order must be in one group; these are not in group %s of seat %s.", layout.groups[positions[0].group].Group, seats[0]),
			Seats:  elsewhere,
		}
	}
	return positions[0].group, places, nil
}
