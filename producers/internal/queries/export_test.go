package queries

import (
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// OffersOf is what has been found on maps, for the tests: it counts the searches.
type OffersOf struct {
	looked   *lookedAt
	Searches int
}

func LookAt() *OffersOf { return &OffersOf{looked: lookAt(nil)} }

// Of asks for what is offered to a wish for a section; without one, to an order that named its seats.
func (o *OffersOf) Of(section string) []seating.Suggestion {
	var key *offerKey
	if section != "" {
		key = &offerKey{wish: seating.Wish{Section: section}}
	}
	return o.looked.offersFor(key, func([]seatstate.Snapshot) []seating.Suggestion {
		o.Searches++
		return []seating.Suggestion{{Why: seating.Why(section)}}
	})
}
