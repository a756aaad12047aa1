package reserve

import (
	"context"
	"errors"
	"fmt"
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

// Place decides a PlaceOrder: HELD with all its seats, or REJECTED with a reason. Its steps are numbered as in
// consumers/README.md. Any of them may be repeated, also by two consumers at once; a PlaceOrder leaves the queue only
// when its order has a row.
type Place struct {
	Holds     Holds
	Orders    Orders
	Catalogue Catalogue
	Loader    rebuild.Loader
	Sender    Sender
	Meter     *telemetry.Meter
	Now       func() time.Time
}

// decision is what step 1 found: the row to be written if the order has none, and whether a hold may have to be given
// back although this message made none (step 5).
type decision struct {
	row     order.Order
	release bool
}

// Handle decides one message. m is d's body.
func (h Place) Handle(ctx context.Context, d message.Delivery, m message.PlaceOrder) retry.Outcome {
	found, outcome, decided := h.decide(ctx, d, m)
	if !decided {
		return outcome
	}
	// Step 2: the row ends the matter. A refusal answers the row that is there.
	stored, done, err := h.Orders.PutIfAbsent(ctx, found.row)
	if err != nil {
		return retry.Classify(fmt.Errorf("put row %s: %w", found.row.Status, err))
	}
	if done {
		h.measure(d, stored)
		return h.afterPut(ctx, m, found)
	}
	return h.afterRefusal(ctx, m, stored, found)
}

// decide is steps 0 and 1. decided is false when there is nothing to write: outcome says what becomes of the message.
func (h Place) decide(ctx context.Context, d message.Delivery, m message.PlaceOrder) (found decision, outcome retry.Outcome, decided bool) {
	cause := h.cause(d)
	rejected := func(reason contracts.Reason, seats []string, release bool) (decision, retry.Outcome, bool) {
		return decision{row: order.NewRejected(m, d.Fence(), reason, seats, cause), release: release}, retry.Outcome{}, true
	}
	concert, err := h.Catalogue.Concert(ctx, m.ConcertID)
	if err != nil {
		return decision{}, retry.Classify(fmt.Errorf("concert %s: %w", m.ConcertID, err)), false
	}
	if concert.LayoutFrozen != m.LayoutVersion {
		return rejected(contracts.ReasonLayoutChanged, nil, true)
	}
	if cause.At > m.Deadline {
		return rejected(contracts.ReasonDeadlinePassed, nil, true)
	}
	layout, err := h.Catalogue.LayoutGroup(ctx, m.ConcertID, m.LayoutVersion, m.Group)
	if err != nil {
		return decision{}, retry.Classify(fmt.Errorf("layout of %s: %w", m.SeatGroup().Key(), err)), false
	}
	places, unknown, ok := layout.Places(m.Seats)
	if !ok {
		return decision{}, retry.Poison("unknown_seat", fmt.Errorf("seat %q is not in group %s of layout %d", unknown, m.Group, m.LayoutVersion)), false
	}
	answer, err := h.hold(ctx, m, places)
	if err != nil {
		return decision{}, retry.Classify(fmt.Errorf("hold: %w", err)), false
	}
	switch answer.Outcome {
	case holds.Held:
		return decision{row: order.NewHeld(m, d.Fence(), holdOf(answer, layout), cause)}, retry.Outcome{}, true
	case holds.Taken:
		return rejected(contracts.ReasonSeatTaken, layout.Names(answer.Places), false)
	case holds.Gone:
		return rejected(contracts.ReasonDeadlinePassed, nil, false)
	case holds.Other:
		// Another body came first under the same key and holds here: it is decided by its own message.
		return decision{}, retry.Refused("other_body"), false
	default:
		return decision{}, retry.Poison("unknown_answer", fmt.Errorf("hold answered %q", answer.Outcome)), false
	}
}

// hold asks Redis, loading the group first if it is not there.
func (h Place) hold(ctx context.Context, m message.PlaceOrder, places []int) (holds.Answer, error) {
	var answer holds.Answer
	err := rebuild.Loaded(ctx, h.Loader, m.SeatGroup(), func() (err error) {
		answer, err = h.Holds.Hold(ctx, m.SeatGroup(), holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: places})
		return err
	})
	return answer, err
}

// holdOf fixes seats, times and price from what the script answered, not from what was asked: an order that already
// held here keeps its first seats and its first end.
func holdOf(a holds.Answer, layout readmodel.LayoutGroup) order.Hold {
	amount := contracts.Money{Minor: layout.Price.Minor * int64(len(a.Places)), Currency: layout.Price.Currency}
	return order.Hold{Seats: layout.Names(a.Places), HeldAt: a.HeldAt, ExpiresAt: a.ExpiresAt, Amount: amount}
}

// afterPut goes on from a row that this message wrote.
func (h Place) afterPut(ctx context.Context, m message.PlaceOrder, found decision) retry.Outcome {
	if found.row.Status == contracts.Held {
		return h.next(ctx, found.row)
	}
	if found.release {
		if err := h.release(ctx, m, found.row.Version); err != nil {
			return retry.Classify(err)
		}
	}
	return retry.Refused(string(found.row.Reason.Code))
}

// afterRefusal goes on from a row that was there before, written by an earlier delivery, by another body under the
// same key, or by whoever ended the order meanwhile.
func (h Place) afterRefusal(ctx context.Context, m message.PlaceOrder, stored order.Order, found decision) retry.Outcome {
	switch {
	case stored.Status.Open() && stored.SamePlacement(m, found.row.Seats):
		return h.next(ctx, stored)
	case stored.Status.Paid():
		return retry.Done()
	default:
		// Open in another group or with another body, or dead: only what this group holds for this order goes back.
		// "Not HELD" would not be enough, since that is also an order that awaits its payment.
		if err := h.release(ctx, m, stored.Version); err != nil {
			return retry.Classify(err)
		}
		return retry.Done()
	}
}

// next sends what follows a held order (steps 3 and 4). A repeat is harmless: its handlers act by the row.
func (h Place) next(ctx context.Context, held order.Order) retry.Outcome {
	expire, err := message.Encode(message.ExpireHold{
		OrderID: held.OrderID, ConcertID: held.ConcertID, Group: held.Group, RowVersion: held.Version,
	}, telemetry.Trace(ctx))
	if err != nil {
		return retry.Poison("encode", err)
	}
	if err := h.Sender.Send(ctx, expire); err != nil {
		return retry.Classify(fmt.Errorf("send ExpireHold: %w", err))
	}
	return retry.Done()
}

func (h Place) release(ctx context.Context, m message.PlaceOrder, version int) error {
	err := rebuild.Loaded(ctx, h.Loader, m.SeatGroup(), func() error {
		_, err := h.Holds.Release(ctx, m.SeatGroup(), m.OrderID, version)
		return err
	})
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

func (h Place) cause(d message.Delivery) order.Cause {
	return order.Cause{Kind: message.KindPlaceOrder, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())}
}

func (h Place) measure(d message.Delivery, row order.Order) {
	at := row.History[len(row.History)-1].At
	h.Meter.Put(telemetry.OrdersDecided, 1, telemetry.Dimension{Name: telemetry.KeyStatus, Value: string(row.Status)})
	h.Meter.Put(telemetry.DecisionLag, telemetry.Milliseconds(at.Sub(d.SentAt)))
}

var errNoHandler = errors.New("no handler for this kind on this queue")
