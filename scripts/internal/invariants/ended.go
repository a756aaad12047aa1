package invariants

import (
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Ended returns the violations of I33: when there are no faults any more, no messages are under way and every hold has ended,
// then no order is open, no PaymentIntent of an order that ended without a ticket can still be paid or captured, and no letter is
// about an order that still needs it. Unlike AtRest it does not allow open orders.
func Ended(s Snapshot) []Violation {
	l := list{rule: RuleEnded}
	settled := map[contracts.OrderID]bool{}
	for _, o := range s.Orders {
		if settled[o.OrderID] = o.Status.Settled(); !o.Status.Settled() {
			l.addf("order %s is %s at version %d, its hold ended at %s", o.OrderID, o.Status, o.Version, o.HoldExpiresAt)
		}
	}
	for _, d := range s.DeadLetters {
		if d.OrderID != "" && !settled[d.OrderID] {
			l.addf("letter %s (%s, %s) is kept of order %s, which is not settled", d.MessageKey, d.Kind, d.Reason, d.OrderID)
		}
	}
	if s.Dead > 0 {
		l.addf("%d messages in dead-letter queues, which nobody has looked at", s.Dead)
	}
	return sorted(l.all, leftOpen(s))
}

// leftOpen: no money is authorised for an order that has ended, and no PaymentIntent that its buyer has seen can still be paid. A
// PaymentIntent that was never shown cannot be paid by anyone.
func leftOpen(s Snapshot) []Violation {
	authorized, payable := list{rule: "no authorization of an ended order"}, list{rule: RuleEnded}
	open := map[string]Effect{}
	for _, e := range s.Effects {
		switch e.Kind {
		case effectCreated, effectAuthorized:
			open[e.PaymentIntent] = e
		case effectCaptured, effectCanceled, effectExpired:
			delete(open, e.PaymentIntent)
		}
	}
	orders := map[contracts.OrderID]readmodel.Order{}
	for _, o := range s.Orders {
		orders[o.OrderID] = o
	}
	for id, e := range open {
		o, found := orders[e.Order]
		switch {
		case !found || !o.Status.Settled():
		case e.Kind == effectAuthorized:
			authorized.addf("%s of order %s, which is %s, is still authorised", id, e.Order, o.Status)
		case o.Status.Dead() && o.Payment != nil && o.Payment.IntentID == id:
			payable.addf("%s of order %s, which is %s, can still be paid", id, e.Order, o.Status)
		}
	}
	return sorted(authorized.all, payable.all)
}

// inTime is I37: an order that was paid a minute before the end of its hold is neither EXPIRED nor rejected for a lost seat
// because a dependency was unreachable.
func inTime(s Snapshot) []Violation {
	l := list{rule: RuleInTime}
	paid := map[contracts.OrderID]contracts.Instant{}
	for _, e := range s.Effects {
		if e.Kind == effectAuthorized && (paid[e.Order] == 0 || e.At < paid[e.Order]) {
			paid[e.Order] = e.At
		}
	}
	for _, o := range s.Orders {
		at, did := paid[o.OrderID]
		lost := o.Status == contracts.Expired || o.Status == contracts.Rejected && o.Reason != nil && o.Reason.Code == contracts.ReasonSeatLost
		if did && lost && at.Add(paidBefore) <= o.HoldExpiresAt {
			l.addf("order %s was paid at %s, its hold ended at %s, and it is %s", o.OrderID, at, o.HoldExpiresAt, o.Status)
		}
	}
	return l.all
}

const paidBefore = time.Minute
