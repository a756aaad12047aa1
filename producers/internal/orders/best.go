package orders

import (
	"context"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
)

// spread is over how many of the best groups orders for any seats are spread. All in the best one alone would have
// them wait in one queue and then be sent on.
const spread = 4

// lookBest chooses the group that an order for any adjacent seats tries first, among the best that show such seats. The
// order's id chooses among them: it is as good as random, and a retry mostly meets the same queue. When every
// group is known and none shows such seats, the order is refused at once.
func (h Place) lookBest(ctx context.Context, id contracts.OrderID, request admission.Request, admitted *admission.Admitted) (time.Duration, *httpapi.Problem) {
	layout := admitted.Seating.Groups()
	groups := make([]contracts.SeatGroup, len(layout))
	for i, g := range layout {
		groups[i] = contracts.SeatGroup{ConcertID: request.ConcertID, Group: g.Group}
	}
	states, err := h.Seats.Groups(ctx, groups)
	if err != nil {
		if problem := h.unseen(ctx, id, "maps not looked at before the order was enqueued", err); problem != nil {
			return 0, problem
		}
		states = nil
	}
	maps := make([]seatstate.Snapshot, len(groups))
	lags := map[string]time.Duration{}
	for i, s := range states {
		maps[i] = s.Snapshot
		lags[layout[i].Group] = s.Lag
	}
	candidates := admitted.Wish.Candidates(layout, maps, nil).Best()
	if len(candidates) == 0 {
		return 0, httpapi.NewProblem(httpapi.CodeSoldOut, contracts.ReasonNoAdjacent.Detail())
	}
	candidates = candidates[:min(spread, len(candidates))]
	chosen := candidates[int(id[len(id)-8])%len(candidates)]
	admitted.Group = contracts.SeatGroup{ConcertID: request.ConcertID, Group: chosen}
	return lags[chosen], queueFull(lags[chosen])
}
