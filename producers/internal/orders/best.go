package orders

import (
	"context"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/look"
)

// spread is over how many of the best groups orders for any seats are spread. All in the best one alone would have
// them wait in one queue and then be sent on.
const spread = 4

// lookBest chooses the group that an order for any adjacent seats tries first, among the first few of the best kind. The
// order's id chooses among them: it is as good as random, and a retry mostly meets the same queue.
//
// A group that knows the order already outranks every other: the order holds seats there, or was sent on from there, or
// was decided there, and its own hold may be why the map shows no seats. Where no group knows it and none shows seats, the
// order is soldOut.
func (h Place) lookBest(ctx context.Context, id contracts.OrderID, request admission.Request, admitted *admission.Admitted) (sight, *httpapi.Problem) {
	layout := admitted.Seating.Groups()
	groups := make([]seatstate.GroupVersion, len(layout))
	for i, g := range layout {
		groups[i] = seatstate.In(contracts.SeatGroup{ConcertID: request.ConcertID, Group: g.Group}, admitted.LayoutVersion)
	}
	states, err := h.Seats.Groups(ctx, groups, id)
	if err != nil {
		if problem := h.unseen(ctx, id, "maps not looked at before the order was enqueued", err); problem != nil {
			return sight{}, problem
		}
		states = nil
	}
	if at := knownIn(layout, states, request.Best.Section); at >= 0 {
		admitted.Group = groups[at].SeatGroup
		return sight{lag: states[at].Lag}, queueFull(states[at].Lag)
	}
	maps, lags := make([]seatstate.Snapshot, len(groups)), map[string]time.Duration{}
	for i, s := range states {
		maps[i], lags[layout[i].Group] = s.Snapshot, s.Lag
	}
	chosen, found := choose(admitted.Wish.Candidates(layout, maps, nil), id)
	if !found {
		return sight{soldOut: true}, nil
	}
	admitted.Group = contracts.SeatGroup{ConcertID: request.ConcertID, Group: chosen}
	return sight{lag: lags[chosen]}, queueFull(lags[chosen])
}

// blindly chooses the group of an order as if nothing were known of any seats. found is false if the layout never had such
// seats: then no order can have got them.
func blindly(id contracts.OrderID, request admission.Request, admitted *admission.Admitted) (found bool) {
	layout := admitted.Seating.Groups()
	chosen, found := choose(admitted.Wish.Candidates(layout, make([]seatstate.Snapshot, len(layout)), nil), id)
	admitted.Group = contracts.SeatGroup{ConcertID: request.ConcertID, Group: chosen}
	return found
}

// choose takes one of the first few of the best kind.
func choose(candidates seating.Candidates, id contracts.OrderID) (group string, found bool) {
	best := candidates.Best()
	if len(best) == 0 {
		return "", false
	}
	best = best[:min(spread, len(best))]
	return best[int(id[len(id)-8])%len(best)], true
}

// knownIn is the group of the section that knows the order, -1 if none does. Where several do, the order was sent on from
// one to the next: what it holds counts most, and an end least. A group of another section knows it by another body, and
// must not be asked for seats of this one.
func knownIn(layout []readmodel.LayoutGroup, states []look.Group, section string) int {
	for _, state := range []seatstate.RecordState{seatstate.RecordSold, seatstate.RecordHeld, seatstate.RecordForwarded, seatstate.RecordEnded} {
		for i, g := range states {
			if g.Order == state && (section == "" || layout[i].Section == section) {
				return i
			}
		}
	}
	return -1
}
