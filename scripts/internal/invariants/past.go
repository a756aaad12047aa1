package invariants

import (
	"cmp"
	"math"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// span is the time during which an order had seats, [from, to).
type span struct {
	order    contracts.OrderID
	seats    int
	limit    int
	from, to contracts.Instant
}

// NeverShared checks the past by the histories of orders, which may all have ended: at no time did two orders have one seat, nor
// a buyer more seats than the limit under which the order was held. It is for runs in which Redis loses nothing, all processes
// have one clock, and no limit changes.
//
// An order has its seats from the instant of its hold to the instant of the entry that ends it. That instant is taken before the
// row is written, and the seats are released after the write, so the next hold is later.
func NeverShared(orders []readmodel.Order) []Violation {
	bySeat, byBuyer := map[string][]span{}, map[string][]span{}
	for _, o := range orders {
		if o.HeldAt == 0 || len(o.History) == 0 {
			continue
		}
		of := span{order: o.OrderID, seats: len(o.Seats), limit: o.BuyerLimit, from: o.HeldAt, to: math.MaxInt64}
		for _, h := range o.History {
			if !h.Status.Open() && !h.Status.Paid() {
				of.to = h.At
				break
			}
		}
		for _, seat := range o.Seats {
			key := o.ConcertID + "/" + seat
			bySeat[key] = append(bySeat[key], of)
		}
		// The seats are counted when the row is written, which is after the instant of its first entry.
		of.from = o.History[0].At.Add(writtenWithin)
		key := readmodel.AllowanceKey(o.ConcertID, o.UserID)
		byBuyer[key] = append(byBuyer[key], of)
	}
	once, within := list{rule: "one order a seat, ever"}, list{rule: "allowance, ever"}
	for seat, spans := range bySeat {
		slices.SortFunc(spans, byStart)
		for i, s := range spans[1:] {
			if before := spans[i]; s.from < before.to {
				once.addf("seat %s was of %s until %s, and of %s from %s", seat, before.order, before.to, s.order, s.from)
			}
		}
	}
	for _, o := range orders {
		key := readmodel.AllowanceKey(o.ConcertID, o.UserID)
		for _, at := range byBuyer[key] {
			had := 0
			for _, s := range byBuyer[key] {
				if s.from <= at.from && at.from < s.to {
					had += s.seats
				}
			}
			if had > at.limit {
				within.addf("%s had %d seats at %s, over the limit of %d", key, had, at.from, at.limit)
			}
		}
		delete(byBuyer, key)
	}
	return sorted(once.all, within.all)
}

func byStart(a, b span) int {
	return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.order, b.order))
}

// writtenWithin is longer than a handler waits for a write. By then a row is written, or never.
const writtenWithin = 3 * time.Second
