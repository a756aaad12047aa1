package reserve

import (
	"context"
	"fmt"
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Place decides PlaceOrders: an order becomes HELD with all its seats, or REJECTED with a reason. Its steps have the numbers of
// consumers/README.md. Each step may be repeated, also by two consumers at once. A PlaceOrder is acknowledged only after its
// order has a row, or after its message was forwarded to another group. It is safe for concurrent use.
type Place struct {
	Seats     Seats
	Orders    Orders
	Catalogue Catalogue
	Sender    Sender
	Pace      Pace
	Meter     *telemetry.Meter
	Now       func() time.Time
}

// Placing is a PlaceOrder with its delivery.
type Placing struct {
	Delivery message.Delivery
	Message  message.PlaceOrder
}

// stage is the progress of a PlaceOrder in its run.
type stage int

const (
	// undecided: the script has not been asked for its seats, or must be asked again.
	undecided stage = iota
	// rejected, held: entry.row is to be written if the order has no row.
	rejected
	held
	// written: entry.row is stored and open, and the messages of its next steps are to be sent.
	written
	// ended: entry.err is the result of the message.
	ended
)

// entry is a PlaceOrder with its state in a run.
type entry struct {
	Placing
	concert readmodel.Concert
	layout  readmodel.LayoutGroup
	places  []int

	stage stage
	// row is the order's row. It is set from the stages rejected and held on.
	row order.Order
	// hold is the hold that the script returned for this message, nil for none.
	hold *order.Hold
	// mustRelease says that the order may have a hold here that its row does not have. The hold is released after the row is
	// written (step 5).
	mustRelease bool
	// err is the result of the message in the stage ended.
	err error
}

// trace returns the trace for messages of the order. A run has no trace, but each of its messages has one.
func (e *entry) trace() string { return e.Delivery.Attributes.Trace }

// group returns the message's seat group in the layout version that is sold. A message with another version gets version 0:
// nothing was ever held for it, and the only call to its group is a release.
func (e *entry) group() seatstate.GroupVersion {
	if e.concert.LayoutFrozen != e.Message.LayoutVersion {
		return seatstate.In(e.Message.SeatGroup(), 0)
	}
	return seatstate.In(e.Message.SeatGroup(), e.Message.LayoutVersion)
}

// end sets the result of the message.
func (e *entry) end(err error) { e.stage, e.err = ended, err }

// isRedelivered reports whether the message must be redelivered.
func (e *entry) isRedelivered() bool { return e.stage != ended || retry.IsRetryable(e.err) }

// HandleRun decides consecutive PlaceOrders of one group. The results are the same as if they were handled one by one in their
// order. It returns an error for each message. The caller must redeliver all messages from the first one with a retryable error
// on, whatever their errors say. When they are handled again, each finds what it has done.
func (h Place) HandleRun(ctx context.Context, run []Placing) []error {
	entries := make([]*entry, len(run))
	for i, p := range run {
		entries[i] = &entry{Placing: p, stage: undecided}
	}
	for rest := entries; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(e *entry) bool { return e.Message.BestAvailable != nil })
		switch {
		case n == 0:
			h.handleBest(ctx, rest[0])
			n = 1
		case n < 0:
			n = len(rest)
			h.decideNamed(ctx, rest)
		default:
			h.decideNamed(ctx, rest[:n])
		}
		if slices.ContainsFunc(rest[:n], (*entry).isRedelivered) {
			break
		}
		rest = rest[n:]
	}
	errs := make([]error, len(entries))
	for i, e := range entries {
		// nil acknowledges a message, so a message that was not reached gets an error.
		if errs[i] = errNotReached; e.stage == ended {
			errs[i] = e.err
		}
	}
	return errs
}

// decideNamed decides orders for named seats, with as many script calls as necessary: an order that shares a seat with one whose
// row is not written yet waits for the next call, and so does a later message of the same order. It stops when a message must be
// redelivered.
func (h Place) decideNamed(ctx context.Context, entries []*entry) {
	for pending := entries; len(pending) > 0; {
		next, err := h.decide(ctx, pending)
		if err != nil {
			for _, e := range pending {
				if e.stage != ended {
					e.end(err)
				}
			}
			return
		}
		for _, e := range pending {
			if e.stage == ended && retry.IsRetryable(e.err) {
				return
			}
		}
		pending = next
	}
}

// decide makes one script call and all steps after it. It returns the entries for the next script call. An error applies to all
// entries that have not ended.
func (h Place) decide(ctx context.Context, pending []*entry) (next []*entry, err error) {
	first, waits := oncePerOrder(pending)
	asking, err := h.checkAll(ctx, first)
	if err != nil {
		return nil, err
	}
	answers, err := h.hold(ctx, asking)
	if err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	// If an order of a buyer waits for the next call, later orders of that buyer wait too: which of them is over the limit depends
	// on their order.
	waiting := map[string]bool{}
	for i, e := range asking {
		if answers[i].Outcome == holds.Again || waiting[e.Message.UserID] && answers[i].Outcome == holds.Held {
			waiting[e.Message.UserID] = true
			waits[e] = true
		} else {
			h.applyAnswer(ctx, e, answers[i])
		}
	}
	for _, e := range pending {
		if waits[e] {
			next = append(next, e)
		}
	}
	return next, h.write(ctx, first)
}

// oncePerOrder returns the first message of each order. The later ones wait until the row of the first is written: they may have
// another body, or have missed a deadline that the first one met, and rows are not written in the order of the messages.
func oncePerOrder(pending []*entry) (first []*entry, waits map[*entry]bool) {
	seen := map[contracts.OrderID]bool{}
	waits = map[*entry]bool{}
	for _, e := range pending {
		if seen[e.Message.OrderID] {
			waits[e] = true
			continue
		}
		seen[e.Message.OrderID] = true
		first = append(first, e)
	}
	return first, waits
}

// checkAll is step 0: it rejects or ends the orders that cannot have seats, and returns the others.
func (h Place) checkAll(ctx context.Context, pending []*entry) (asking []*entry, err error) {
	for _, e := range pending {
		m := e.Message
		if e.concert, err = h.Catalogue.Concert(ctx, m.ConcertID); err != nil {
			return nil, fmt.Errorf("concert %s: %w", m.ConcertID, err)
		}
		if h.rejectInvalid(e) {
			continue
		}
		if e.layout, err = h.Catalogue.LayoutGroup(ctx, m.ConcertID, m.LayoutVersion, m.Group); err != nil {
			return nil, fmt.Errorf("layout of %s: %w", m.SeatGroup().Key(), err)
		}
		if e.places, err = seats.Places(e.layout, m.Seats); err != nil {
			e.end(fmt.Errorf("layout %d: %w", m.LayoutVersion, err))
			continue
		}
		asking = append(asking, e)
	}
	return asking, nil
}

// rejectInvalid rejects an order with another layout version or a missed deadline, and reports whether it did. An attempt before
// the deadline may have made a hold for the order, which must be released.
func (h Place) rejectInvalid(e *entry) bool {
	switch {
	case e.concert.LayoutFrozen != e.Message.LayoutVersion:
		h.reject(e, contracts.ReasonLayoutChanged, nil)
	case h.cause(e).At > e.Message.Deadline:
		h.reject(e, contracts.ReasonDeadlinePassed, nil)
	default:
		return false
	}
	e.mustRelease = true
	return true
}

// hold is step 1: it asks the script for the seats of all entries in one call.
func (h Place) hold(ctx context.Context, asking []*entry) ([]holds.Answer, error) {
	if len(asking) == 0 {
		return nil, nil
	}
	run := holds.Run{SentAt: asking[len(asking)-1].Delivery.SentAt}
	for _, e := range asking {
		run.Asks = append(run.Asks, holds.Ask{Order: e.Message.OrderID, Hash: e.Message.RequestHash, Places: e.places})
	}
	answers, err := h.Seats.Hold(ctx, asking[0].group(), run)
	h.Pace.Leave(ctx, run.SentAt)
	return answers, err
}

// cause returns the cause of a version of the row that the message makes now.
func (h Place) cause(e *entry) order.Cause {
	return order.Cause{Kind: message.KindPlaceOrder, MessageID: e.Delivery.MessageID, At: contracts.InstantOf(h.Now())}
}

// measure counts a decision and its lag.
func (h Place) measure(e *entry) {
	at := e.row.History[len(e.row.History)-1].At
	h.Meter.Put(telemetry.OrdersDecided, 1, telemetry.Dimension{Name: telemetry.KeyStatus, Value: string(e.row.Status)})
	h.Meter.Put(telemetry.DecisionLag, telemetry.Milliseconds(at.Sub(e.Delivery.SentAt)))
}
