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
	// row is what is to be written if the order has none. release says that the order may hold something here although
	// this run gave it nothing (step 5).
	row     order.Order
	release bool
	// outcome is set once the order is through.
	outcome *retry.Outcome
	// held is the open row whose next step is due.
	held *order.Order
}

// trace goes along what is sent for the order. A run has no trace of its own, its messages have.
func (e *entry) trace() string { return e.Delivery.Attributes.Trace }

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

// decideAll takes orders for named seats through as many script calls as it takes: those that share a seat with an order whose row is
// not known yet are the next call. It stops when one must come again.
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
	asking, err := h.prepare(ctx, pending)
	if err != nil {
		return nil, err
	}
	answers, err := h.hold(ctx, asking)
	if err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	var held []*entry
	// A buyer whose seats are counted and who has an order in the next call waits with his later ones: which of them is
	// over the limit depends on their order.
	waiting := map[string]bool{}
	for i, e := range asking {
		switch counted := e.concert.LimitPerBuyer > 0; {
		case answers[i].Outcome == holds.Again, counted && waiting[e.Message.UserID] && answers[i].Outcome == holds.Held:
			waiting[e.Message.UserID] = true
			again = append(again, e)
		case answers[i].Outcome == holds.Held:
			h.take(e, answers[i])
			held = append(held, e)
		default:
			h.refuse(ctx, e, answers[i])
		}
	}
	return again, h.write(ctx, pending, held)
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

// tooLate rejects an order of another layout or past its deadline. It may hold something here from an earlier try.
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
	g := asking[0].Message.SeatGroup()
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

// take makes the row of a held order. Seats, times and price come from what the script answered, not from what was
// asked: an order that already held here keeps its first seats and its first end.
func (h Place) take(e *entry, a holds.Answer) {
	price := e.layout.Price
	e.row = order.NewHeld(e.Message, e.Delivery.Fence(), order.Hold{
		Seats: e.layout.Names(a.Places), HeldAt: a.HeldAt, ExpiresAt: a.ExpiresAt,
		Amount:  contracts.Money{Minor: price.Minor * int64(len(a.Places)), Currency: price.Currency},
		Limited: e.concert.LimitPerBuyer > 0,
	}, h.cause(e))
}

// refuse settles an order that got no seats.
func (h Place) refuse(ctx context.Context, e *entry, a holds.Answer) {
	switch a.Outcome {
	case holds.Taken:
		h.reject(e, contracts.ReasonSeatTaken, e.layout.Names(a.Places))
	case holds.Gone:
		h.reject(e, contracts.ReasonDeadlinePassed, nil)
	case holds.Forwarded:
		e.end(h.sendOn(ctx, e, a.To))
	case holds.Other:
		// Another body came first under the same key and holds here: it is decided by its own message.
		e.end(retry.Refused("other_body"))
	default:
		e.end(retry.Poison("unknown_answer", fmt.Errorf("hold answered %q", a.Outcome)))
	}
}

func (h Place) reject(e *entry, reason contracts.Reason, seats []string) {
	e.row = order.NewRejected(e.Message, e.Delivery.Fence(), reason, seats, h.cause(e))
}

// write is steps 2 to 5: the HELD rows first, side by side, then the REJECTED ones. None of those depends on a HELD
// row of the same call, not even on one that is not known: who wants a seat of such an order is not refused, he waits.
func (h Place) write(ctx context.Context, pending, held []*entry) error {
	h.putAll(ctx, held)
	var rejected []*entry
	for _, e := range pending {
		if e.outcome == nil && e.held == nil && e.row.Status == contracts.Rejected {
			rejected = append(rejected, e)
		}
	}
	h.putAll(ctx, rejected)
	return h.next(ctx, pending)
}

// putAll is step 2 for rows of one kind, with what follows from each answer.
func (h Place) putAll(ctx context.Context, entries []*entry) {
	if len(entries) == 0 {
		return
	}
	puts := make([]order.Put, len(entries))
	for i, e := range entries {
		puts[i] = order.Put{Order: e.row, Limit: e.concert.LimitPerBuyer}
	}
	var over []*entry
	for i, r := range h.Orders.PutAll(ctx, puts) {
		e := entries[i]
		switch r.Outcome {
		case order.PutDone:
			h.measure(e)
			h.afterPut(ctx, e)
		case order.PutRefused:
			h.afterRefusal(ctx, e, r.Stored)
		case order.PutOverLimit:
			h.reject(e, contracts.ReasonLimitReached, nil)
			e.release = true
			over = append(over, e)
		default:
			e.end(retry.Classify(fmt.Errorf("put row %s: %w", e.row.Status, r.Err)))
		}
	}
	h.putAll(ctx, over)
}

// afterPut goes on from a row that this message wrote.
func (h Place) afterPut(ctx context.Context, e *entry) {
	if e.row.Status == contracts.Held {
		e.held = &e.row
		return
	}
	if e.release {
		h.giveBack(ctx, e, e.row.Version, retry.Refused(string(e.row.Reason.Code)))
		return
	}
	e.end(retry.Refused(string(e.row.Reason.Code)))
}

// afterRefusal goes on from a row that was there before, written by an earlier delivery, by another body under the
// same key, or by whoever ended the order meanwhile.
func (h Place) afterRefusal(ctx context.Context, e *entry, stored order.Order) {
	switch {
	case stored.Status.Open() && stored.SamePlacement(e.Message, e.row.Seats):
		e.held = &stored
	case stored.Status.Paid():
		e.end(retry.Done())
	default:
		// Open in another group or with another body, or dead: only what this group holds for this order goes back.
		// "Not HELD" would not be enough, since that is also an order that awaits its payment.
		h.giveBack(ctx, e, stored.Version, retry.Done())
	}
}

// giveBack is step 5.
func (h Place) giveBack(ctx context.Context, e *entry, version int, then retry.Outcome) {
	if err := release(ctx, h.Holds, h.Loader, e.Message.SeatGroup(), e.Message.OrderID, version); err != nil {
		e.end(retry.Classify(err))
		return
	}
	e.end(then)
}

// next sends what follows the held orders (steps 3 and 4), in one send. A repeat is harmless: its handlers act by the row.
func (h Place) next(ctx context.Context, entries []*entry) error {
	var messages []message.Encoded
	var due []*entry
	for _, e := range entries {
		if e.held == nil || e.outcome != nil {
			continue
		}
		expire, err := message.Encode(message.ExpireHold{
			OrderID: e.held.OrderID, ConcertID: e.held.ConcertID, Group: e.held.Group, RowVersion: e.held.Version,
		}, e.trace())
		if err != nil {
			e.end(retry.Poison("encode", err))
			continue
		}
		messages = append(messages, expire)
		due = append(due, e)
	}
	if len(messages) == 0 {
		return nil
	}
	if err := h.Sender.Send(ctx, messages...); err != nil {
		return fmt.Errorf("send ExpireHold: %w", err)
	}
	for _, e := range due {
		e.end(retry.Done())
	}
	return nil
}

func (h Place) cause(e *entry) order.Cause {
	return order.Cause{Kind: message.KindPlaceOrder, MessageID: e.Delivery.MessageID, At: contracts.InstantOf(h.Now())}
}

func (h Place) measure(e *entry) {
	at := e.row.History[len(e.row.History)-1].At
	h.Meter.Put(telemetry.OrdersDecided, 1, telemetry.Dimension{Name: telemetry.KeyStatus, Value: string(e.row.Status)})
	h.Meter.Put(telemetry.DecisionLag, telemetry.Milliseconds(at.Sub(e.Delivery.SentAt)))
}

// release gives back what a group holds for an order, under its row's version.
func release(ctx context.Context, h Holds, l rebuild.Loader, g contracts.SeatGroup, id contracts.OrderID, version int) error {
	err := rebuild.Loaded(ctx, l, g, func() error {
		_, err := h.Release(ctx, g, id, version)
		return err
	})
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}
