package queries

import (
	"sync"

	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// lookedAt are the maps of a layout's groups as they were read together, with what has been found on them. A search of an arena takes
// milliseconds of a processor, and in a stampede many orders end with the same wish. It is safe for concurrent use.
type lookedAt struct {
	maps []seatstate.Snapshot

	mu     sync.Mutex
	offers map[offerKey][]seating.Suggestion
}

// offerKey is all that a search for a wish depends on beside the maps.
type offerKey struct {
	rules seating.Rules
	wish  seating.Wish
}

func lookAt(maps []seatstate.Snapshot) *lookedAt {
	return &lookedAt{maps: maps, offers: map[offerKey][]seating.Suggestion{}}
}

// offersFor returns what find finds on the maps. It searches once for each key; without one, each time. Callers with the same key wait
// for one search. The caller must not change the result.
func (l *lookedAt) offersFor(key *offerKey, find func([]seatstate.Snapshot) []seating.Suggestion) []seating.Suggestion {
	if key == nil {
		return find(l.maps)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	found, known := l.offers[*key]
	if !known {
		found = find(l.maps)
		l.offers[*key] = found
	}
	return found
}
