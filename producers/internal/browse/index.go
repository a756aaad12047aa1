// Package browse orders, filters, pages and counts the concerts of the catalogue. It is pure.
package browse

import (
	"cmp"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Index is the catalogue as it is browsed: its concerts by start and id, with the texts that filters compare. It is immutable.
type Index struct{ entries []entry }

// entry is a concert with what filters compare, all folded but the date.
type entry struct {
	concert           readmodel.Concert
	city, genre, text string
	// date is the concert's date at its venue, YYYY-MM-DD.
	date string
}

// NewIndex makes the index of concerts, which it sorts in place.
func NewIndex(concerts []readmodel.Concert) *Index {
	slices.SortFunc(concerts, func(a, b readmodel.Concert) int { return positionOf(a).compare(positionOf(b)) })
	zones := map[string]*time.Location{}
	x := &Index{entries: make([]entry, len(concerts))}
	for i, c := range concerts {
		x.entries[i] = entry{
			concert: c, city: folded(c.City), genre: folded(c.Genre), text: folded(c.Title + " " + c.Artist + " " + c.Venue + " " + c.City),
			date: c.StartsAt.Time().In(zoneOf(c.TimeZone, zones)).Format(time.DateOnly),
		}
	}
	return x
}

// zoneOf returns a zone by its name, UTC if there is none: the loader has checked it. It keeps zones, since each is parsed.
func zoneOf(name string, known map[string]*time.Location) *time.Location {
	if zone, there := known[name]; there {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = time.UTC
	}
	known[name] = zone
	return zone
}

// Len returns the number of concerts.
func (x *Index) Len() int { return len(x.entries) }

// Position is a place in the order of an Index: that of a concert, or for the zero Position the one before all.
type Position struct {
	StartsAt contracts.Instant `json:"s"`
	ID       string            `json:"i"`
}

func positionOf(c readmodel.Concert) Position { return Position{StartsAt: c.StartsAt, ID: c.ConcertID} }

func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.StartsAt, q.StartsAt), cmp.Compare(p.ID, q.ID))
}

// Page returns the first concerts after a position that the filter takes, at most limit, and whether there are more. next is the
// position of the last of them. A concert that was removed meanwhile does not move the position.
func (x *Index) Page(f Filter, after Position, limit int) (concerts []readmodel.Concert, next Position, more bool) {
	from := 0
	if after != (Position{}) {
		from, _ = slices.BinarySearchFunc(x.entries, after, func(e entry, p Position) int {
			if positionOf(e.concert).compare(p) <= 0 {
				return -1
			}
			return 1
		})
	}
	for i := from; i < len(x.entries); i++ {
		e := &x.entries[i]
		if !f.takes(e) {
			continue
		}
		if len(concerts) == limit {
			return concerts, next, true
		}
		concerts = append(concerts, e.concert)
		next = positionOf(e.concert)
	}
	return concerts, next, false
}
