package invariants

import (
	"slices"
	"strings"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// FirstServed replays the orders of each group in the order of the queue (Fence) through the simplest model: an order gets its
// seats if no order before it has one of them. It is for runs in which no hold ends. A refused row has the requested seats.
// Orders that were rejected for another reason than a taken seat are ignored.
func FirstServed(orders []readmodel.Order) []Violation {
	l := list{rule: "first enqueued, first served"}
	inOrder := slices.Clone(orders)
	slices.SortFunc(inOrder, func(a, b readmodel.Order) int { return strings.Compare(a.Fence, b.Fence) })
	owner := map[string]contracts.OrderID{}
	for _, o := range inOrder {
		refused := o.Status == contracts.Rejected
		if refused && (o.Reason == nil || o.Reason.Code != contracts.ReasonSeatTaken) {
			continue
		}
		var taken contracts.OrderID
		for _, seat := range o.Seats {
			if by, ok := owner[o.SeatGroup().Key()+"/"+seat]; ok {
				taken = by
			}
		}
		switch {
		case refused && taken == "":
			l.addf("order %s at %s was refused, and nobody before it has %v", o.OrderID, o.Fence, o.Seats)
		case !refused && taken != "":
			l.addf("order %s at %s got %v, which %s has", o.OrderID, o.Fence, o.Seats, taken)
		case !refused:
			for _, seat := range o.Seats {
				owner[o.SeatGroup().Key()+"/"+seat] = o.OrderID
			}
		}
	}
	return l.all
}
