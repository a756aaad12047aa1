// Package catalogue has the sample concerts and puts concerts on sale: it parses the data files strictly, expands a hall's
// sections into the seat groups of a layout, and writes the tables concerts and layouts.
//
// Parsing and expanding are pure. Load and Cancel do I/O: they write the tables concerts and layouts, and Load sends
// RebuildGroup. They never touch an order, a ticket or Redis.
package catalogue

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"boxoffice/contracts"
	"boxoffice/contracts/geometry"
	"boxoffice/contracts/readmodel"
)

//go:embed data/concerts.json data/theatre.json data/arena.json data/geometry/theatre.json data/geometry/arena.json
var data embed.FS

// Layouts of the sample catalogue.
const (
	LayoutTheatre = "theatre"
	LayoutArena   = "arena"
)

// Entry is one concert with every seat group of its layout.
type Entry struct {
	// Layout is the name of the concert's seating plan.
	Layout   string
	Concert  readmodel.Concert
	Geometry geometry.Geometry
	Groups   []readmodel.LayoutGroup
	// Cancelled: Load cancels the concert.
	Cancelled bool
}

// Seats returns the number of seats of the concert.
func (e Entry) Seats() int {
	n := 0
	for _, g := range e.Groups {
		n += len(g.Seats)
	}
	return n
}

// Sample returns the concerts that are loaded into a local stack. The first is the main concert, on sale since a fixed day. Of
// the others, one is not on sale yet, one is no longer on sale, and one is in an arena with over 20,000 seats.
func Sample() ([]Entry, error) {
	concerts, err := data.ReadFile("data/concerts.json")
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	layouts, geometries := map[string][]byte{}, map[string][]byte{}
	for _, name := range []string{LayoutTheatre, LayoutArena} {
		if layouts[name], err = data.ReadFile("data/" + name + ".json"); err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
		if geometries[name], err = data.ReadFile("data/geometry/" + name + ".json"); err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
	}
	return Parse(concerts, layouts, geometries)
}

// Parse reads a catalogue: the concerts file, and the files of layouts and of their geometries by the name that concerts use for
// the layout. Unknown members are refused. The error has every problem of the validation, so that a file can be corrected at
// once.
func Parse(concerts []byte, layouts, geometries map[string][]byte) ([]Entry, error) {
	var file concertsFile
	if err := decode(concerts, &file); err != nil {
		return nil, fmt.Errorf("catalogue: concerts: %w", err)
	}
	halls := make(map[string]hall, len(layouts))
	plans := make(map[string]geometry.Plan, len(layouts))
	for name, content := range layouts {
		var h hall
		if err := decode(content, &h); err != nil {
			return nil, fmt.Errorf("catalogue: layout %s: %w", name, err)
		}
		if err := h.validate(); err != nil {
			return nil, fmt.Errorf("catalogue: layout %s: %w", name, err)
		}
		halls[name] = h
		var err error
		if plans[name], err = parseGeometry(name, geometries[name], h.groups()); err != nil {
			return nil, fmt.Errorf("catalogue: geometry of %s: %w", name, err)
		}
	}
	if err := file.validate(halls); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	entries := make([]Entry, 0, len(file.Concerts))
	for _, c := range file.Concerts {
		entries = append(entries, c.expand(halls[c.Layout], plans[c.Layout]))
	}
	return entries, nil
}

func decode(content []byte, into any) error {
	// The decoder of the standard library takes the last of two members with one name, and replaces what is no UTF-8.
	if _, err := jsontext.NewDecoder(bytes.NewReader(content)).ReadValue(); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// expand returns the rows of a concert, which must be valid.
func (c concert) expand(h hall, drawn geometry.Plan) Entry {
	prices := make(map[string]contracts.Money, len(c.Prices))
	var tiers []readmodel.Tier
	var from contracts.Money
	for _, t := range h.Tiers {
		price := contracts.Money{Minor: c.Prices[t.ID], Currency: c.Currency}
		prices[t.ID] = price
		tiers = append(tiers, readmodel.Tier{ID: t.ID, Name: t.Name, Price: price})
		if from == (contracts.Money{}) || price.Minor < from.Minor {
			from = price
		}
	}
	groups := h.groups()
	for i := range groups {
		groups[i].Price = prices[groups[i].Tier]
		groups[i].Shape, groups[i].SectionName = drawn.Groups[groups[i].Group], drawn.Sections[groups[i].Section].Name
	}
	return Entry{
		Layout:    c.Layout,
		Geometry:  drawn.Geometry,
		Groups:    groups,
		Cancelled: c.Cancelled,
		Concert: readmodel.Concert{
			ConcertID: c.ID, Title: c.Title, Artist: c.Artist, Genre: c.Genre, City: c.City, Venue: c.Venue,
			Description: c.Description, TimeZone: c.TimeZone,
			StartsAt: contracts.InstantOf(c.StartsAt), OnSaleAt: contracts.InstantOf(c.OnSaleAt), OffSaleAt: contracts.InstantOf(c.OffSaleAt),
			PriceFrom: from, LimitPerOrder: c.LimitPerOrder, LimitPerBuyer: c.limitPerBuyer(), LayoutVersion: c.LayoutVersion, Tiers: tiers,
			DoorsAt: instant(c.DoorsAt), NoSingleSeat: c.Rules.NoSingleSeat, AccessibleReleaseAt: instant(c.Rules.AccessibleReleaseAt),
			RefundUntil: instant(c.Rules.RefundUntil), PosterTone: c.Poster.Tone,
		},
	}
}

// problems collects the problems that a validation finds.
type problems []error

func (p *problems) checkf(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func (p problems) err() error { return errors.Join(p...) }
