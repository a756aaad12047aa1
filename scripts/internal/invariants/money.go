package invariants

import (
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Effect is something that happened to money at Stripe.
type Effect struct {
	// Kind is created, authorized, captured, canceled, expired or refunded. Other kinds are ignored.
	Kind          string
	At            contracts.Instant
	PaymentIntent string
	Order         contracts.OrderID
	Amount        int64
}

// Kinds of effects.
const (
	effectCreated    = "created"
	effectAuthorized = "authorized"
	effectCaptured   = "captured"
	effectCanceled   = "canceled"
	effectExpired    = "expired"
)

// Money returns the violations of the rules about rows and effects at Stripe, which hold at rest: an order is charged if and only
// if it has its tickets, once, its price, and after it owned its seats. No money stays authorised for an order that has ended.
func Money(s Snapshot) []Violation {
	if s.Effects == nil {
		return nil
	}
	return sorted(charges(s), afterCommit(s), leftOpen(s), inTime(s))
}

func charges(s Snapshot) []Violation {
	l := list{rule: "charged if and only if ticketed"}
	charged, times := map[contracts.OrderID]int64{}, map[contracts.OrderID]int{}
	for _, e := range s.Effects {
		if e.Kind == effectCaptured {
			charged[e.Order] += e.Amount
			times[e.Order]++
		}
	}
	tickets := map[contracts.OrderID]int{}
	for _, t := range s.Tickets {
		tickets[t.OrderID]++
	}
	rows := map[contracts.OrderID]bool{}
	for _, o := range s.Orders {
		rows[o.OrderID] = true
		ticketed := o.Status == contracts.Confirmed
		switch {
		case ticketed && tickets[o.OrderID] != len(o.Seats):
			l.addf("order %s is CONFIRMED with %d tickets for %d seats", o.OrderID, tickets[o.OrderID], len(o.Seats))
		case ticketed && (times[o.OrderID] != 1 || !o.Amount.IsStripeAmount(charged[o.OrderID], o.Amount.Currency)):
			l.addf("order %s costs %v and was charged %d in %d captures", o.OrderID, *o.Amount, charged[o.OrderID], times[o.OrderID])
		case !ticketed && times[o.OrderID] > 0:
			l.addf("order %s is %s and was charged %d", o.OrderID, o.Status, charged[o.OrderID])
		case o.Status == contracts.Committed:
			l.addf("order %s is COMMITTED and was not charged", o.OrderID)
		}
	}
	for id := range charged {
		if !rows[id] {
			l.addf("order %s was charged and has no row", id)
		}
	}
	return l.all
}

func afterCommit(s Snapshot) []Violation {
	l := list{rule: "captured after committed"}
	committed := map[contracts.OrderID]contracts.Instant{}
	for _, o := range s.Orders {
		if at, ok := when(o, contracts.Committed); ok {
			committed[o.OrderID] = at
		}
	}
	for _, e := range s.Effects {
		if e.Kind != effectCaptured {
			continue
		}
		if at, ok := committed[e.Order]; !ok || e.At < at {
			l.addf("order %s was charged at %s, committed at %s (%v)", e.Order, e.At, at, ok)
		}
	}
	return l.all
}

// when returns the instant at which an order got a status.
func when(o readmodel.Order, s contracts.Status) (contracts.Instant, bool) {
	for _, h := range o.History {
		if h.Status == s {
			return h.At, true
		}
	}
	return 0, false
}
