package orders

import (
	"maps"
	"slices"
	"sync"
	"time"

	"boxoffice/contracts/layoutitem"
	"boxoffice/producers/internal/admission"
)

// hintKept bounds how long the maps of a concert choose groups. An arena has over a hundred maps, which each order would read to
// be sent to one group. A map of half a second ago may send the order to a group that has just been filled; the queue then sends
// it on.
const hintKept = 500 * time.Millisecond

// Hints keeps the states of the groups of concerts for hintKept, without the records of any order. It is safe for concurrent use.
// A nil Hints keeps nothing.
type Hints struct {
	mu     sync.Mutex
	of     map[layoutitem.Ref]hint
	offers map[offerKey]offer
}

type hint struct {
	states []admission.GroupState
	at     time.Time
}

// fresh reports whether what was known at an instant may be used at now. A clock that was set back makes nothing fresh.
func fresh(at, now time.Time, kept time.Duration) bool {
	age := now.Sub(at)
	return age >= 0 && age < kept
}

// NewHints makes empty Hints.
func NewHints() *Hints {
	return &Hints{of: map[layoutitem.Ref]hint{}, offers: map[offerKey]offer{}}
}

// get returns the states of a layout's groups. The caller must not change them.
func (h *Hints) get(of layoutitem.Ref, now time.Time) ([]admission.GroupState, bool) {
	if h == nil {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	known, found := h.of[of]
	if !found || !fresh(known.at, now, hintKept) {
		return nil, false
	}
	return known.states, true
}

// put keeps states that were read at an instant, and deletes old ones. An empty list is not kept.
func (h *Hints) put(of layoutitem.Ref, states []admission.GroupState, at time.Time) {
	if h == nil || len(states) == 0 {
		return
	}
	kept := slices.Clone(states)
	for i := range kept {
		kept[i].Order = ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.of, func(_ layoutitem.Ref, old hint) bool { return !fresh(old.at, at, hintKept) })
	h.of[of] = hint{states: kept, at: at}
}
