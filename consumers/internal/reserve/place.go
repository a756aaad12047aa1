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

// Place decides PlaceOrders: HELD with all its seats, or REJECTED with a reason. Its steps are numbered as in
// consumers/README.md. Any of them may be repeated, also by two consumers at once; a PlaceOrder leaves the queue only
// when its order has a row.
type Place struct {
	Seats     Seats
	Orders    Orders
	Catalogue Catalogue
	Sender    Sender
	Pace      Pace
	Meter     *telemetry.Meter
	Now       func() time.Time
}

// Placing is one PlaceOrder of a run with its delivery.
type Placing struct {
	Delivery message.Delivery
	Message  message.PlaceOrder
}

// stage is how far a PlaceOrder has got in its run.
type stage int

const (
	// undecided: it has not asked for seats, or has to ask again.
	undecided stage = iota
	// rejected and held: entry.row is the version to be written if the order has no row.
	rejected
	held
	// written: entry.row is stored and open, and its next steps are to be sent.
	written
	// ended: entry.err is the result of the message.
	ended
)

// entry is a PlaceOrder on its way through a run.
type entry struct {
	Placing
	concert readmodel.Concert
	layout  readmodel.LayoutGroup
	places  []int

	stage stage
	// row is the order's row, from the stages rejected and held on.
	row order.Order
	// hold is what the script gave this message, nil if it gave no hold.
	hold *order.Hold
	// release says that the order may hold something here although this run gave it nothing (step 5).
	release bool
	// err is the result of the message, once it has ended.
	err error
}

// trace goes along what is sent for the order. A run has no trace of its own, its messages have.
func (e *entry) trace() string { return e.Delivery.Attributes.Trace }

// group is the message's seat group in the layout version that is sold. A message of another version has none (0): nothing was
// ever held for it, and its group is asked for nothing but a release.
func (e *entry) group() seatstate.GroupVersion {
	if e.concert.LayoutFrozen != e.Message.LayoutVersion {
		return seatstate.In(e.Message.SeatGroup(), 0)
	}
	return seatstate.In(e.Message.SeatGroup(), e.Message.LayoutVersion)
}

// end sets the result of the message.
func (e *entry) end(err error) { e.stage, e.err = ended, err }

// isRedelivered says whether the message has to be redelivered.
func (e *entry) isRedelivered() bool { return e.stage != ended || retry.IsRetryable(e.err) }

// HandleRun decides the consecutive PlaceOrders of one group in order, with the result that they would have one by one. It
// returns an error for each. From the first that is retryable on, all are redelivered whatever their errors say: each finds
// what it has done.
func (h Place) HandleRun(ctx context.Context, run []Placing) []error {
	entries := make([]*entry, len(run))
	for i, p := range run {
		entries[i] = &entry{Placing: p}
	}
	for rest := entries; len(rest) > 0; {
		n := slices.IndexFunc(rest, func(e *entry) bool { return e.Message.BestAvailable != nil })
		switch {
		case n == 0:
			h.handleBest(ctx, rest[0])
			n = 1
		case n < 0:
			n = len(rest)
			h.decideAll(ctx, rest)
		default:
			h.decideAll(ctx, rest[:n])
		}
		if slices.ContainsFunc(rest[:n], (*entry).isRedelivered) {
			break
		}
		rest = rest[n:]
	}
	errs := make([]error, len(entries))
	for i, e := range entries {
		// nil acknowledges a message, so one that was not reached must not have it.
		if errs[i] = errNotReached; e.stage == ended {
			errs[i] = e.err
		}
	}
	return errs
}

// decideAll decides orders for named seats with as many script calls as they need: those that share a seat with an order
// whose row is not known yet wait for the next call, and so does a later message of the same order. It stops when one has to
// be redelivered.
func (h Place) decideAll(ctx context.Context, entries []*entry) {
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

// decide is one script call with all that follows from it; again are the entries of the next one. An error is that of
// a call that all of them needed.
func (h Place) decide(ctx context.Context, pending []*entry) (again []*entry, err error) {
	first, waits := oncePerOrder(pending)
	asking, err := h.prepare(ctx, first)
	if err != nil {
		return nil, err
	}
	answers, err := h.hold(ctx, asking)
	if err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	// A buyer who has an order in the next call waits with his later ones: which of them is over the limit depends on their
	// order.
	waiting := map[string]bool{}
	for i, e := range asking {
		if answers[i].Outcome == holds.Again || waiting[e.Message.UserID] && answers[i].Outcome == holds.Held {
			waiting[e.Message.UserID] = true
			waits[e] = true
		} else {
			h.follow(ctx, e, answers[i])
		}
	}
	for _, e := range pending {
		if waits[e] {
			again = append(again, e)
		}
	}
	return again, h.write(ctx, first)
}

// oncePerOrder gives the first message of each order; the later ones wait until its row is known. They may have another
// body, or be past a deadline that the first was not, and rows are not written in the order of the messages.
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

// prepare is step 0: it gives the orders that ask for seats, and settles the rest.
func (h Place) prepare(ctx context.Context, pending []*entry) (asking []*entry, err error) {
	for _, e := range pending {
		m := e.Message
		if e.concert, err = h.Catalogue.Concert(ctx, m.ConcertID); err != nil {
			return nil, fmt.Errorf("concert %s: %w", m.ConcertID, err)
		}
		if h.tooLate(e) {
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

// tooLate rejects an order of another layout or past its deadline. One past its deadline may hold something here from an
// earlier try.
func (h Place) tooLate(e *entry) bool {
	switch {
	case e.concert.LayoutFrozen != e.Message.LayoutVersion:
		h.reject(e, contracts.ReasonLayoutChanged, nil)
	case h.cause(e).At > e.Message.Deadline:
		h.reject(e, contracts.ReasonDeadlinePassed, nil)
	default:
		return false
	}
	e.release = true
	return true
}

// hold is step 1 for all of them in one call.
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

func (h Place) cause(e *entry) order.Cause {
	return order.Cause{Kind: message.KindPlaceOrder, MessageID: e.Delivery.MessageID, At: contracts.InstantOf(h.Now())}
}

func (h Place) measure(e *entry) {
	at := e.row.History[len(e.row.History)-1].At
	h.Meter.Put(telemetry.OrdersDecided, 1, telemetry.Dimension{Name: telemetry.KeyStatus, Value: string(e.row.Status)})
	h.Meter.Put(telemetry.DecisionLag, telemetry.Milliseconds(at.Sub(e.Delivery.SentAt)))
}
