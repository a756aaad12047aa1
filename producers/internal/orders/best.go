package orders

import (
	"context"
	"errors"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/pace"
)

// spread bounds how many of the best groups orders for any seats are spread over. With the best one alone, all would wait in one
// queue and then be sent on.
const spread = 4

// lookBest chooses the group that an order for any adjacent seats tries first, among the first few of the best kind. The order's
// id chooses among them: it is as good as random, and a repeat of the order mostly meets the same queue.
//
// A group that has a record of the order outranks every other: the order holds seats there, or was sent on from there, or was
// decided there, and its own hold may be why the map shows no seats. If no group has a record and none shows seats, the result is
// soldOut.
func (h Place) lookBest(ctx context.Context, id contracts.OrderID, request admission.Request, admitted admission.Admitted) (shown, error) {
	layout := admitted.Seating.Groups()
	groups := make([]contracts.SeatGroup, len(layout))
	for i, g := range layout {
		groups[i] = contracts.SeatGroup{ConcertID: request.ConcertID, Group: g.Group}
	}
	states, err := h.groupStates(ctx, id, request, admitted, groups)
	if err != nil {
		return shown{}, err
	}
	if at := groupOfRecord(layout, states, request.Best.Section); at >= 0 {
		return shown{group: groups[at], lag: lagOf(states[at])}, admission.CheckQueue(states[at].Lag)
	}
	chosen, found := choose(candidatesOf(admitted, states), id)
	if !found {
		maps := make([]seatstate.Snapshot, len(layout))
		for i, s := range states {
			maps[i] = s.Snapshot
		}
		key := offerKey{of: layoutitem.Ref{ConcertID: request.ConcertID, Version: admitted.LayoutVersion}, rules: admitted.Rules, wish: admitted.Wish}
		return shown{soldOut: true, instead: func() []seating.Suggestion {
			return h.Hints.offersFor(key, h.Now(), func() []seating.Suggestion { return admitted.Rules.SuggestTo(admitted.Wish, layout, maps) })
		}}, nil
	}
	seen := shown{group: contracts.SeatGroup{ConcertID: request.ConcertID, Group: chosen}}
	if len(states) > 0 {
		at := states[slices.Index(groups, seen.group)]
		if !at.Loaded && !admission.AcceptsBlindly(h.Seats.DownFor(ctx, seen.group)) {
			return shown{}, h.unavailable(ctx, id, "seats not readable for long", errors.New("the part of Redis that has "+seen.group.Key()+" does not answer"))
		}
		seen.lag = lagOf(at)
	}
	return seen, admission.CheckQueue(seen.lag.Behind)
}

// groupStates returns the states of all groups of the layout, with the order's records. While kept maps show seats, they are used,
// and only the records in the groups that the order may be sent to are read; otherwise everything is read afresh. The states are
// nil if Redis does not answer and the order is accepted all the same.
func (h Place) groupStates(ctx context.Context, id contracts.OrderID, request admission.Request, admitted admission.Admitted, groups []contracts.SeatGroup) ([]admission.GroupState, error) {
	of := layoutitem.Ref{ConcertID: request.ConcertID, Version: admitted.LayoutVersion}
	now := h.Now()
	if states, kept := h.Hints.get(of, now); kept {
		if best := candidatesOf(admitted, states).Best(); len(best) > 0 {
			return h.withRecords(ctx, id, best, groups, states), nil
		}
		// Kept maps refuse nobody: seats may have come free since.
	}
	versions := make([]seatstate.GroupVersion, len(groups))
	for i, g := range groups {
		versions[i] = seatstate.In(g, admitted.LayoutVersion)
	}
	states, err := h.Seats.Groups(ctx, versions, id)
	if err != nil && states == nil {
		if err := h.lookFailed(ctx, id, "maps not read before the order was enqueued", err, groups...); err != nil {
			return nil, err
		}
	} else if err != nil {
		h.warn(ctx, id, "some maps not read before the order was enqueued", err)
	}
	h.Hints.put(of, states, now)
	return states, nil
}

// withRecords returns the states with the order's records in the groups that it may be sent to, the first few of best. A group
// whose record cannot be read is not loaded in the result.
func (h Place) withRecords(ctx context.Context, id contracts.OrderID, best []string, groups []contracts.SeatGroup, states []admission.GroupState) []admission.GroupState {
	best = best[:min(spread, len(best))]
	var asked []int
	var ask []contracts.SeatGroup
	for i, g := range groups {
		if slices.Contains(best, g.Group) {
			asked, ask = append(asked, i), append(ask, g)
		}
	}
	records, err := h.Seats.Records(ctx, ask, id)
	if err != nil {
		h.warn(ctx, id, "some records of the order not read before it was enqueued", err)
	}
	states = slices.Clone(states)
	for n, i := range asked {
		if n >= len(records) || !records[n].Known {
			states[i] = admission.GroupState{}
			continue
		}
		states[i].Order = records[n].Order
	}
	return states
}

// candidatesOf ranks the groups by what Redis shows of them. Nothing is known of a group without a state.
func candidatesOf(admitted admission.Admitted, states []admission.GroupState) seating.Candidates {
	layout := admitted.Seating.Groups()
	maps := make([]seatstate.Snapshot, len(layout))
	for i, s := range states {
		maps[i] = s.Snapshot
	}
	return admitted.Wish.Candidates(layout, maps, nil)
}

func lagOf(g admission.GroupState) pace.Lag { return pace.Lag{Behind: g.Lag, Known: g.LagKnown} }

// chooseBlindly chooses the group of an order as if nothing were known of any seats. It returns a problem, sold out, if the
// layout has no such seats at all: then no order can have got them.
func chooseBlindly(id contracts.OrderID, request admission.Request, admitted admission.Admitted) (contracts.SeatGroup, error) {
	chosen, found := choose(candidatesOf(admitted, nil), id)
	if !found {
		return contracts.SeatGroup{}, soldOut()
	}
	return contracts.SeatGroup{ConcertID: request.ConcertID, Group: chosen}, nil
}

// choose returns one of the first few groups of the best kind.
func choose(candidates seating.Candidates, id contracts.OrderID) (group string, found bool) {
	best := candidates.Best()
	if len(best) == 0 {
		return "", false
	}
	best = best[:min(spread, len(best))]
	return best[int(id[len(id)-8])%len(best)], true
}

// groupOfRecord returns the index of the group of the section that has a record of the order, -1 if none has. If several have
// one, the order was sent on from one to the next: what it holds counts most, and an end least. A group of another section has
// the record of another body, and must not be asked for seats of this one.
func groupOfRecord(layout []readmodel.LayoutGroup, states []admission.GroupState, section string) int {
	for _, state := range []seatstate.RecordState{seatstate.RecordSold, seatstate.RecordHeld, seatstate.RecordForwarded, seatstate.RecordEnded} {
		for i, g := range states {
			if g.Order == state && (section == "" || layout[i].Section == section) {
				return i
			}
		}
	}
	return -1
}
