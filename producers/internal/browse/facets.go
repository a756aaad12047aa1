package browse

import (
	"cmp"
	"slices"
)

// Facets are the values by which a list can be narrowed, with the concerts of each.
type Facets struct {
	City  []Facet `json:"city"`
	Genre []Facet `json:"genre"`
}

// Facet is a value, as the first concert that has it writes it, and how many concerts have it in whichever letters.
type Facet struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Facets counts the concerts of the whole list, not of a page, by city and by genre. The cities are counted without the filter by
// city, and the genres without the filter by genre: a count is what its value would show in place of the chosen one. The highest
// counts are first, equal ones by their folded value. No count is 0.
func (x *Index) Facets(f Filter) Facets {
	cities, genres := counts{}, counts{}
	for i := range x.entries {
		e := &x.entries[i]
		if !f.takesRest(e) {
			continue
		}
		if f.takesGenre(e) {
			cities.add(e.city, e.concert.City)
		}
		if f.takesCity(e) {
			genres.add(e.genre, e.concert.Genre)
		}
	}
	return Facets{City: cities.sorted(), Genre: genres.sorted()}
}

// counts has a Facet for each folded value.
type counts map[string]*Facet

func (c counts) add(key, value string) {
	if c[key] == nil {
		c[key] = &Facet{Value: value}
	}
	c[key].Count++
}

func (c counts) sorted() []Facet {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(c[b].Count, c[a].Count), cmp.Compare(a, b)) })
	all := make([]Facet, len(keys))
	for i, key := range keys {
		all[i] = *c[key]
	}
	return all
}
