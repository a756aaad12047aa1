package invariants

import (
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Ended is I33: when no fault is left, no message is under way and every hold has ended, no order is open, no PaymentIntent of
// an order that ended without a ticket can still be paid or captured, and no letter is about an order that still needs it.
// AtRest allows open orders, this does not.
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

// leftOpen: no money is put aside for an order that has ended, and no PaymentIntent that its buyer was shown can be paid any
// more. One that was made and never shown can be paid by nobody.
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

// inTime is I37: who paid a minute before his hold ended is not told that it was too late, or that the seats are somebody
// else's, because a dependency was away meanwhile.
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
