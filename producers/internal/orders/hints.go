package orders

import (
	"maps"
	"slices"
	"sync"
	"time"

	"boxoffice/contracts/layoutitem"
	"boxoffice/producers/internal/admission"
)

// hintKept is how long the maps of a concert choose groups. An arena has over a hundred maps, which each order would read to be
// sent to one group. A map that is half a second old may send it to a group that has just been filled: the queue decides, and
// sends it on.
const hintKept = 500 * time.Millisecond

// Hints keeps what Redis showed of the groups of concerts for hintKept, without what any order was in them. It is safe for
// concurrent use. A nil Hints keeps nothing.
type Hints struct {
	mu sync.Mutex
	of map[layoutitem.Ref]hint
}

type hint struct {
	states []admission.GroupState
	at     time.Time
}

func (h hint) young(now time.Time) bool {
	age := now.Sub(h.at)
	return age >= 0 && age < hintKept
}

// NewHints makes Hints that keep nothing yet.
func NewHints() *Hints { return &Hints{of: map[layoutitem.Ref]hint{}} }

// get answers the states of a layout's groups, of which the caller may change what an order is in them.
func (h *Hints) get(of layoutitem.Ref, now time.Time) ([]admission.GroupState, bool) {
	if h == nil {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	known, found := h.of[of]
	if !found || !known.young(now) {
		return nil, false
	}
	return slices.Clone(known.states), true
}

// put keeps states that were asked for at an instant, and forgets what is too old. No states are no hint.
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
	maps.DeleteFunc(h.of, func(_ layoutitem.Ref, old hint) bool { return !old.young(at) })
	h.of[of] = hint{states: kept, at: at}
}
