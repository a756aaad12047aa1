package invariants

import (
	"cmp"
	"math"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// histories: each version with a new status is a step that the status graph allows, and the last of these is the row's. An
// order that has ended stays as it ended. Versions between two entries are notes, of a refused card or of another key.
func histories(s Snapshot) []Violation {
	l := list{rule: "history"}
	for _, o := range s.Orders {
		from, at, version := contracts.Queued, contracts.Instant(0), 0
		for i, h := range o.History {
			if h.Version <= version || h.Version-version-1 > notes(o, from) {
				l.addf("order %s: entry %d has version %d", o.OrderID, i+1, h.Version)
			}
			if !from.CanBecome(h.Status) {
				l.addf("order %s: %s became %s", o.OrderID, from, h.Status)
			}
			// Clocks of processes may differ by less than the 10 s that the times of a hold allow for.
			if h.At.Add(clocksDiffer) < at {
				l.addf("order %s: %s is before what came before it", o.OrderID, h.Status)
			}
			from, at, version = h.Status, h.At, h.Version
		}
		if version == 0 || from != o.Status || o.Version < version || o.Version-version > notes(o, from) {
			l.addf("order %s is %s at version %d, its history %s at %d", o.OrderID, o.Status, o.Version, from, version)
		}
		if (o.Status.Open() || o.Status == contracts.Committed) != (o.OpenGroup != "") {
			l.addf("order %s is %s and has the index key %q", o.OrderID, o.Status, o.OpenGroup)
		}
	}
	return l.all
}

// notes is how many versions a row may have had without leaving a status.
func notes(o readmodel.Order, in contracts.Status) int {
	switch p := o.Payment; {
	case p == nil, in == contracts.Queued:
		return 0
	case in == contracts.Held:
		return p.OpenAttempt
	case in == contracts.AwaitingPayment:
		return math.MaxInt // refused cards, which a payment makes the row forget
	case in == contracts.Committed:
		return p.CaptureAttempt + p.VoidAttempt
	default:
		return p.VoidAttempt
	}
}

const clocksDiffer = 10 * time.Second

// tickets: each is of a seat of a paid order of that group, and a committed order has all of its own.
func tickets(s Snapshot) []Violation {
	l := list{rule: "ticket"}
	owner := map[string]contracts.OrderID{}
	for _, t := range s.Tickets {
		key := t.SeatGroup + "/" + t.Seat
		if other, sold := owner[key]; sold {
			l.addf("seat %s is of %s and of %s", key, other, t.OrderID)
		}
		owner[key] = t.OrderID
	}
	has := map[string]bool{}
	for _, o := range s.Orders {
		for _, seat := range o.Seats {
			key := o.SeatGroup().Key() + "/" + seat
			if o.Status.Paid() {
				has[key+"/"+string(o.OrderID)] = true
			}
			if o.Status == contracts.Committed && owner[key] != o.OrderID {
				l.addf("order %s is COMMITTED, and seat %s is of %q", o.OrderID, key, owner[key])
			}
		}
	}
	for key, id := range owner {
		if !has[key+"/"+string(id)] {
			l.addf("seat %s is of %s, which has not paid for it", key, id)
		}
	}
	return l.all
}

// seatsOnce: no seat is held or owned by two orders. This one can be broken for a while when Redis was lost between a
// hold and its row; the tickets decide then.
func seatsOnce(s Snapshot) []Violation {
	l := list{rule: "one order a seat"}
	by := map[string]readmodel.Order{}
	for _, o := range s.Orders {
		if !o.Status.Open() && !o.Status.Paid() {
			continue
		}
		for _, seat := range o.Seats {
			key := o.ConcertID + "/" + seat
			if other, taken := by[key]; taken {
				l.addf("seat %s is of %s (%s) and of %s (%s)", key, other.OrderID, other.Status, o.OrderID, o.Status)
			}
			by[key] = o
		}
	}
	return l.all
}

// identities: one row an order, with an id that could have been given out.
func identities(s Snapshot) []Violation {
	l := list{rule: "identity"}
	seen := map[contracts.OrderID]bool{}
	for _, o := range s.Orders {
		if seen[o.OrderID] {
			l.addf("order %s has two rows", o.OrderID)
		}
		seen[o.OrderID] = true
		if _, err := contracts.ParseOrderID(string(o.OrderID)); err != nil {
			l.addf("order %q: %v", o.OrderID, err)
		}
	}
	return l.all
}

// counted is I35: a buyer's allowance is the sum of what his rows count, each of them all its seats or, once it has ended
// without a ticket, none. It moves in the transaction of the row, but the two tables are read one after the other.
func counted(s Snapshot) []Violation {
	l := list{rule: RuleCounted}
	sum := map[string]int{}
	for _, o := range s.Orders {
		has := 0
		if o.Status.Open() || o.Status.Paid() {
			has = len(o.Seats)
		}
		if o.Counted != has {
			l.addf("order %s is %s with %d seats and counts %d", o.OrderID, o.Status, len(o.Seats), o.Counted)
		}
		sum[readmodel.AllowanceKey(o.ConcertID, o.UserID)] += o.Counted
	}
	for _, a := range s.Allowances {
		if a.Seats != sum[a.BuyerConcert] {
			l.addf("%s is counted %d, the rows count %d", a.BuyerConcert, a.Seats, sum[a.BuyerConcert])
		}
		delete(sum, a.BuyerConcert)
	}
	for key, n := range sum {
		if n > 0 {
			l.addf("the rows of %s count %d, and there is no allowance", key, n)
		}
	}
	return l.all
}

// withinLimit: no order was held that gave its buyer more seats, in open orders and tickets, than the limit that it was held
// under. That limit is in its row. The concert's present one says nothing of an order from before it: a limit that is lowered
// below what was bought breaks no promise, and one that is raised excuses none.
func withinLimit(s Snapshot) []Violation {
	l := list{rule: "allowance"}
	byBuyer := map[string][]readmodel.Order{}
	for _, o := range s.Orders {
		if o.HeldAt != 0 && o.BuyerLimit < 1 {
			l.addf("order %s was held under no limit", o.OrderID)
		}
		if o.Status.Open() || o.Status.Paid() {
			key := readmodel.AllowanceKey(o.ConcertID, o.UserID)
			byBuyer[key] = append(byBuyer[key], o)
		}
	}
	for key, orders := range byBuyer {
		slices.SortFunc(orders, func(a, b readmodel.Order) int {
			return cmp.Or(cmp.Compare(countedAt(a), countedAt(b)), cmp.Compare(a.OrderID, b.OrderID))
		})
		had := 0
		for _, o := range orders {
			// Those that are still there and were held before it were counted when it was.
			if had += len(o.Seats); had > limitAt(orders, countedAt(o)) {
				l.addf("%s has %d seats with order %s, which was held under a limit of %d", key, had, o.OrderID, o.BuyerLimit)
			}
		}
	}
	return l.all
}

// countedAt is when an order was held, by the clock of the process that counted its seats.
func countedAt(o readmodel.Order) contracts.Instant {
	if len(o.History) == 0 {
		return o.HeldAt
	}
	return o.History[0].At
}

// limitAt is the highest limit of a buyer's orders of about that time. Which of two was counted first the clocks of two
// processes do not say, nor is a limit that has changed known to all of them at once.
func limitAt(orders []readmodel.Order, at contracts.Instant) int {
	most := 0
	for _, o := range orders {
		if held := countedAt(o); held.Add(clocksDiffer) > at && at.Add(clocksDiffer) > held {
			most = max(most, o.BuyerLimit)
		}
	}
	return most
}

// answered: each order that was accepted has a row, and none waits for a step that is long due.
func answered(s Snapshot) []Violation {
	l := list{rule: "answer"}
	rows := map[contracts.OrderID]bool{}
	for _, o := range s.Orders {
		rows[o.OrderID] = true
		if o.Status.Open() && s.At >= o.HoldExpiresAt.Add(endsWithin) {
			l.addf("order %s is %s, and its hold ended at %s", o.OrderID, o.Status, o.HoldExpiresAt)
		}
	}
	for _, id := range s.Accepted {
		if !rows[id] {
			l.addf("order %s was accepted and has no row", id)
		}
	}
	return l.all
}

// endsWithin is how long after D an open order may still be open: 3 minutes, the bound of the promise that every order
// is settled.
const endsWithin = 3 * time.Minute
