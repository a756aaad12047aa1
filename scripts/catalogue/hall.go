package catalogue

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// hall is a seating plan in a data file. It has sections of rows, which are divided into bands; each band is a seat group. A seat
// is named letter-row-seat, where rows are counted through the bands of a section, from the stage backwards. A band may be a
// general-admission area instead (area.go).
type hall struct {
	Tiers    []hallTier `json:"tiers"`
	Sections []section  `json:"sections"`
}

type hallTier struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// section is a part of the hall. Companions and Restricted are optional.
type section struct {
	Section    string   `json:"section"`
	Letter     string   `json:"letter"`
	Bands      []band   `json:"bands"`
	Accessible []string `json:"accessible"`
	Companions []string `json:"companions"`
	Restricted []string `json:"restricted"`
}

// band is one seat group. Rows has the number of seats of each row; a band with Area has none. The geometry of the hall says
// where the seats are.
type band struct {
	Group string `json:"group"`
	Tier  string `json:"tier"`
	Rows  []int  `json:"rows"`
	Area  *area  `json:"area"`
}

// Bounds of the number of seats in a group. With fewer seats the ordering of the queue is not worth its cost; with more, an order
// waits for too many others.
const (
	minGroupSeats = 50
	maxGroupSeats = 300
)

func (h hall) groups() []readmodel.LayoutGroup {
	var groups []readmodel.LayoutGroup
	for _, s := range h.Sections {
		row := 1
		for i, b := range s.Bands {
			var g readmodel.LayoutGroup
			if b.Area != nil {
				g = s.areaGroup(b, i+1)
			} else {
				g = s.layoutGroup(b, row)
			}
			groups = append(groups, g)
			row += len(b.Rows)
		}
	}
	return groups
}

func (s section) layoutGroup(b band, firstRow int) readmodel.LayoutGroup {
	g := readmodel.LayoutGroup{Group: b.Group, Section: s.Section, Kind: readmodel.KindSeats, Tier: b.Tier}
	for i, length := range b.Rows {
		number := firstRow + i
		row := readmodel.LayoutRow{Name: strconv.Itoa(number)}
		for seat := range length {
			row.Seats = append(row.Seats, fmt.Sprintf("%s-%d-%d", s.Letter, number, seat+1))
		}
		g.Rows = append(g.Rows, row)
		g.Seats = append(g.Seats, row.Seats...)
	}
	g.Accessible, g.Companions, g.Restricted = of(g.Seats, s.Accessible), of(g.Seats, s.Companions), of(g.Seats, s.Restricted)
	return g
}

// of returns the seats that are in the list, in the order of the seats.
func of(seats, list []string) (found []string) {
	for _, seat := range seats {
		if slices.Contains(list, seat) {
			found = append(found, seat)
		}
	}
	return found
}

func (h hall) validate() error {
	var p problems
	tiers := map[string]bool{}
	for _, t := range h.Tiers {
		p.checkf(contracts.ValidGroup(t.ID), "tier %q: its id is 1 to 32 of A-Z a-z 0-9 _ -", t.ID)
		p.checkf(strings.TrimSpace(t.Name) != "", "tier %s has no name", t.ID)
		p.checkf(!tiers[t.ID], "tier %s is there twice", t.ID)
		tiers[t.ID] = true
	}
	p.checkf(len(h.Sections) > 0, "there is no section")
	groups := map[string]bool{}
	used := map[string]bool{}
	for _, s := range h.Sections {
		// Buyers name the section in an order for any seats, and the message of that order contains it.
		p.checkf(contracts.ValidGroup(s.Section), "section %q of letter %q: its name is 1 to 32 of A-Z a-z 0-9 _ -", s.Section, s.Letter)
		for _, b := range s.Bands {
			p.checkf(!groups[b.Group], "group %s is there twice", b.Group)
			groups[b.Group] = true
			p.checkf(tiers[b.Tier], "group %s: tier %q is unknown", b.Group, b.Tier)
			used[b.Tier] = true
			b.validate(&p, s.Section)
		}
	}
	for _, t := range h.Tiers {
		p.checkf(used[t.ID], "tier %s has no seat", t.ID)
	}
	if len(p) == 0 {
		h.validateSeats(&p)
	}
	return p.err()
}

func (b band) validate(p *problems, section string) {
	// The concert is any valid one: only the group's half of the key is checked here.
	if err := (contracts.SeatGroup{ConcertID: "c", Group: b.Group}).Validate(); err != nil {
		p.checkf(false, "section %s: %w", section, err)
	}
	if b.Area != nil {
		b.validateArea(p)
		return
	}
	total := 0
	for i, length := range b.Rows {
		p.checkf(length >= 1 && length <= maxGroupSeats, "group %s: row %d of it has %d seats", b.Group, i+1, length)
		total += length
	}
	p.checkf(total >= minGroupSeats && total <= maxGroupSeats, "group %s has %d seats, want %d to %d", b.Group, total, minGroupSeats, maxGroupSeats)
}

// validateSeats checks the expanded plan: the names of seats, and the lists that name seats of a section.
func (h hall) validateSeats(p *problems) {
	groups := h.groups()
	sectionOf := map[string]string{}
	inArea := map[string]bool{}
	for _, g := range groups {
		for _, seat := range g.Seats {
			p.checkf(contracts.ValidSeatName(seat), "group %s: %q is no seat name", g.Group, seat)
			p.checkf(sectionOf[seat] == "", "seat %s is there twice", seat)
			sectionOf[seat] = g.Section
			inArea[seat] = g.Kind == readmodel.KindArea
		}
	}
	for _, s := range h.Sections {
		for _, seat := range s.Accessible {
			p.checkf(sectionOf[seat] == s.Section, "section %s: accessible place %s is not in it", s.Section, seat)
			// The places of an area are sold lowest first to any buyer, so none of them can be reserved.
			p.checkf(!inArea[seat], "section %s: accessible place %s is in an area", s.Section, seat)
		}
		for what, list := range map[string][]string{"companion's seat": s.Companions, "restricted seat": s.Restricted} {
			for _, seat := range list {
				p.checkf(sectionOf[seat] == s.Section, "section %s: %s %s is not in it", s.Section, what, seat)
				p.checkf(!inArea[seat], "section %s: %s %s is in an area", s.Section, what, seat)
			}
		}
		for _, seat := range s.Companions {
			p.checkf(!slices.Contains(s.Accessible, seat), "section %s: seat %s is accessible and a companion's", s.Section, seat)
		}
	}
}
