package invariants

import (
	"cmp"
	"math"
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// histories: each entry is a step that the status graph allows, and the last entry has the row's status. An order that has ended
// does not change its status. Versions between two entries are notes, for example of a declined card.
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
			// Clocks of processes may differ by less than 10 s, which the times of a hold allow for.
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

// notes bounds the number of versions that a row may have within a status.
func notes(o readmodel.Order, in contracts.Status) int {
	switch p := o.Payment; {
	case p == nil, in == contracts.Queued:
		return 0
	case in == contracts.Held:
		return p.OpenAttempt
	case in == contracts.AwaitingPayment:
		return math.MaxInt // declined cards, which the row does not list
	case in == contracts.Committed:
		return p.CaptureAttempt + p.VoidAttempt
	default:
		return p.VoidAttempt
	}
}

// clocksDiffer bounds how much the clocks of two processes differ.
const clocksDiffer = 10 * time.Second

// tickets: each ticket is for a seat of a paid order of that group, and a committed order has all of its tickets.
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

// seatsOnce: no seat is held or owned by two orders. The rule can be broken for a while if Redis was lost between a hold and its
// row; then the tickets decide.
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

// identities: each order has one row, with a well-formed id.
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

// counted is I35: a buyer's allowance is the sum of what the buyer's rows count. A row counts all its seats, or none when the
// order has ended without a ticket. Row and allowance change in one transaction, but the two tables are read one after the other.
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

// withinLimit: with no order, its buyer got more seats in open orders and tickets than the limit under which the order was held.
// That limit is in the row. The concert's present limit does not matter: lowering a limit below what was bought breaks no
// promise, and raising it excuses nothing.
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
			// Orders that were held before it and still count were counted when it was held.
			if had += len(o.Seats); had > limitAt(orders, countedAt(o)) {
				l.addf("%s has %d seats with order %s, which was held under a limit of %d", key, had, o.OrderID, o.BuyerLimit)
			}
		}
	}
	return l.all
}

// countedAt returns when an order was held, by the clock of the process that counted its seats.
func countedAt(o readmodel.Order) contracts.Instant {
	if len(o.History) == 0 {
		return o.HeldAt
	}
	return o.History[0].At
}

// limitAt returns the highest limit of a buyer's orders of about that time. The clocks of two processes do not tell which of two
// orders was counted first, and processes learn of a changed limit at different times.
func limitAt(orders []readmodel.Order, at contracts.Instant) int {
	highest := 0
	for _, o := range orders {
		if held := countedAt(o); held.Add(clocksDiffer) > at && at.Add(clocksDiffer) > held {
			highest = max(highest, o.BuyerLimit)
		}
	}
	return highest
}

// answered: each accepted order has a row, and no order is open long after the end of its hold.
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

// endsWithin bounds how long an order may be open after the end of its hold. It is the bound of the promise that every order is
// settled.
const endsWithin = 3 * time.Minute
