package world

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// Catalog is what the catalogue has.
type Catalog struct {
	Concerts []readmodel.Concert
	// Layout returns all groups of a layout version, in the layout's order.
	Layout func(concertID string, version int) []readmodel.LayoutGroup
	// Unreadable says that there is one more concert, which does not decode: Concerts returns an error beside the others.
	Unreadable bool
	// First is what TellFirst wrote last.
	First []layoutitem.Ref
}

// OneConcert has one concert, "nocturne", whose layout version 1 is frozen. Each of its groups A, B and C is a row of six seats,
// "A-1-1" to "A-1-6", at 45 EUR.
func OneConcert() Catalog {
	return Catalog{
		Concerts: []readmodel.Concert{{ConcertID: "nocturne", LayoutVersion: 1, LayoutFrozen: 1}},
		Layout: func(string, int) (groups []readmodel.LayoutGroup) {
			for _, name := range []string{"A", "B", "C"} {
				g := Row(name, name+"-1", 6)
				g.Section, g.Kind, g.Price = "S", readmodel.KindSeats, contracts.Money{Minor: 4500, Currency: "EUR"}
				groups = append(groups, g)
			}
			return groups
		},
	}
}

// Row makes a group of one row of n seats: "PREFIX-1" and so on.
func Row(group, prefix string, n int) readmodel.LayoutGroup {
	g := readmodel.LayoutGroup{Group: group}
	for i := range n {
		g.Seats = append(g.Seats, fmt.Sprintf("%s-%d", prefix, i+1))
	}
	g.Rows = []readmodel.LayoutRow{{Name: "1", Seats: g.Seats}}
	return g
}

// Catalogue is the port of the catalogue, over Catalog. Its calls are about the concert.
type Catalogue struct{ w *World }

// Catalogue returns the port of the catalogue.
func (w *World) Catalogue() Catalogue { return Catalogue{w} }

// Concert returns one concert.
func (p Catalogue) Concert(_ context.Context, concertID string) (readmodel.Concert, error) {
	return Do(p.w, Concert, []string{concertID}, func() (readmodel.Concert, error) {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		for _, c := range p.w.Catalog.Concerts {
			if c.ConcertID == concertID {
				return c, nil
			}
		}
		return readmodel.Concert{}, fmt.Errorf("no concert %s", concertID)
	})
}

// Concerts returns all concerts.
func (p Catalogue) Concerts(context.Context) ([]readmodel.Concert, error) {
	return Do(p.w, Concerts, nil, func() (concerts []readmodel.Concert, err error) {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		if p.w.Catalog.Unreadable {
			err = errors.New("a concert that does not decode")
		}
		return slices.Clone(p.w.Catalog.Concerts), err
	})
}

// Layout returns all groups of a layout version.
func (p Catalogue) Layout(_ context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error) {
	return Do(p.w, Layout, []string{concertID}, func() ([]readmodel.LayoutGroup, error) {
		return p.w.Catalog.Layout(concertID, version), nil
	})
}

// LayoutGroup returns one group of a layout version.
func (p Catalogue) LayoutGroup(_ context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error) {
	return Do(p.w, LayoutGroup, []string{concertID, group}, func() (readmodel.LayoutGroup, error) {
		for _, g := range p.w.Catalog.Layout(concertID, version) {
			if g.Group == group {
				return g, nil
			}
		}
		return readmodel.LayoutGroup{}, errors.New("no such group")
	})
}

// TellFirst stores which layouts a process reads first.
func (p Catalogue) TellFirst(_ context.Context, refs []layoutitem.Ref) error {
	return do(p.w, TellFirst, nil, func() error {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.w.Catalog.First = refs
		return nil
	})
}

// Complete finds every layout complete.
func (p Catalogue) Complete(_ context.Context, concertID string, _ int) error {
	return do(p.w, Complete, []string{concertID}, func() error { return nil })
}

// Freeze marks the layout of a concert as the one that is sold, if it has no mark and that version.
func (p Catalogue) Freeze(_ context.Context, concertID string, version int) (bool, error) {
	return Do(p.w, Freeze, []string{concertID}, func() (bool, error) {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		for i := range p.w.Catalog.Concerts {
			if c := &p.w.Catalog.Concerts[i]; c.ConcertID == concertID && c.LayoutVersion == version && c.LayoutFrozen == 0 {
				c.LayoutFrozen = version
				return true, nil
			}
		}
		return false, nil
	})
}
