package orders

import (
	"maps"
	"time"

	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/seating"
)

// offersKept is how long what is offered in place of seats that are sold out is kept. In a stampede most orders are refused, many
// with the same wish, and a search of an arena takes milliseconds of a processor. Seats that are offered may be a second old anyway:
// so old is what the map of the site shows.
const offersKept = time.Second

// offerKey is all that a search depends on beside the maps.
type offerKey struct {
	of    layoutitem.Ref
	rules seating.Rules
	wish  seating.Wish
}

type offer struct {
	seats []seating.Suggestion
	at    time.Time
}

// offersFor returns what search has found for the same wish in the last second, or else what it finds now. The caller must not change
// it. Two callers at once may both search.
func (h *Hints) offersFor(key offerKey, now time.Time, search func() []seating.Suggestion) []seating.Suggestion {
	if h == nil {
		return search()
	}
	h.mu.Lock()
	kept, found := h.offers[key]
	h.mu.Unlock()
	if found && fresh(kept.at, now, offersKept) {
		return kept.seats
	}
	made := offer{seats: search(), at: now}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.offers, func(_ offerKey, old offer) bool { return !fresh(old.at, now, offersKept) })
	h.offers[key] = made
	return made.seats
}
