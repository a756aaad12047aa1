package reserve

import (
	"context"
	"fmt"
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
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
	Holds     Holds
	Best      BestHolds
	Orders    Orders
	Catalogue Catalogue
	Loader    rebuild.Loader
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

// entry is a PlaceOrder on its way through a run.
type entry struct {
	Placing
	concert readmodel.Concert
	layout  readmodel.LayoutGroup
	places  []int
	// row is what is to be written if the order has none. hold is what the script answered this message, nil if that was
	// no hold; release says that the order may hold something here although this run gave it nothing (step 5).
	row     order.Order
	hold    *order.Hold
	release bool
	// outcome is set once the order is through.
	outcome *retry.Outcome
	// held is the open row whose next step is due.
	held *order.Order
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

func (e *entry) end(o retry.Outcome) { e.outcome = &o }

// HandleRun decides the consecutive PlaceOrders of one group, in order, with the result that they would have one by
// one. It answers an outcome each. From the first that is not acknowledged on, all come again, whatever they are
// answered here: each finds what it has done.
func (h Place) HandleRun(ctx context.Context, run []Placing) []retry.Outcome {
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
		if slices.ContainsFunc(rest[:n], comesAgain) {
			break
		}
		rest = rest[n:]
	}
	outcomes := make([]retry.Outcome, len(entries))
	for i, e := range entries {
		if e.outcome == nil {
			e.end(retry.Retry(errNotReached))
		}
		outcomes[i] = *e.outcome
	}
	return outcomes
}

// comesAgain says whether an order is not through.
func comesAgain(e *entry) bool { return e.outcome == nil || e.outcome.Class == retry.ClassRetryable }

// decideAll takes orders for named seats through as many script calls as it takes: those that share a seat with an
// order whose row is not known yet are the next call, and so is a later message of the same order. It stops when one
// must come again.
func (h Place) decideAll(ctx context.Context, entries []*entry) {
	for pending := entries; len(pending) > 0; {
		next, err := h.decide(ctx, pending)
		if err != nil {
			for _, e := range pending {
				if e.outcome == nil {
					e.end(retry.Classify(err))
				}
			}
			return
		}
		for _, e := range pending {
			if e.outcome != nil && e.outcome.Class == retry.ClassRetryable {
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
	var held []*entry
	// A buyer who has an order in the next call waits with his later ones: which of them is over the limit depends on their
	// order.
	waiting := map[string]bool{}
	for i, e := range asking {
		if answers[i].Outcome == holds.Again || waiting[e.Message.UserID] && answers[i].Outcome == holds.Held {
			waiting[e.Message.UserID] = true
			waits[e] = true
		} else if h.follow(ctx, e, answers[i]) {
			held = append(held, e)
		}
	}
	for _, e := range pending {
		if waits[e] {
			again = append(again, e)
		}
	}
	return again, h.write(ctx, first, held)
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
		places, unknown, ok := e.layout.Places(m.Seats)
		if !ok {
			e.end(retry.Poison("unknown_seat", fmt.Errorf("seat %q is not in group %s of layout %d", unknown, m.Group, m.LayoutVersion)))
			continue
		}
		e.places = places
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

// hold is step 1 for all of them in one call, loading the group first if it is not there.
func (h Place) hold(ctx context.Context, asking []*entry) ([]holds.Answer, error) {
	if len(asking) == 0 {
		return nil, nil
	}
	run := holds.Run{SentAt: asking[len(asking)-1].Delivery.SentAt}
	for _, e := range asking {
		run.Asks = append(run.Asks, holds.Ask{Order: e.Message.OrderID, Hash: e.Message.RequestHash, Places: e.places})
	}
	g := asking[0].group()
	var answers []holds.Answer
	err := rebuild.Loaded(ctx, h.Loader, g, func() (err error) {
		answers, err = h.Holds.Hold(ctx, g, run)
		return err
	})
	if err == nil && len(answers) != len(asking) {
		err = fmt.Errorf("%d answers to %d asks", len(answers), len(asking))
	}
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
