package reserve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// choices bounds how often seats are chosen anew because somebody took one between the look at the map and the hold.
// Within a group only lapses and other handlers' late calls can do that, so it is rare.
const choices = 3

var errKeepsMoving = errors.New("the seats that were chosen kept being taken")

// handleBest decides an order for any adjacent seats, a run of its own. Where this group has none, the order is sent on
// to the next group whose map shows such seats; the record that it leaves here stops a redelivery from holding here as
// well, so it holds in one group at most.
func (h Place) handleBest(ctx context.Context, e *entry) {
	err := h.best(ctx, e)
	if err != nil && e.outcome == nil {
		e.end(retry.Classify(err))
	}
}

func (h Place) best(ctx context.Context, e *entry) (err error) {
	m := e.Message
	if e.concert, err = h.Catalogue.Concert(ctx, m.ConcertID); err != nil {
		return fmt.Errorf("concert %s: %w", m.ConcertID, err)
	}
	if h.tooLate(e) {
		return h.write(ctx, []*entry{e}, nil)
	}
	if e.layout, err = h.Catalogue.LayoutGroup(ctx, m.ConcertID, m.LayoutVersion, m.Group); err != nil {
		return fmt.Errorf("layout of %s: %w", m.SeatGroup().Key(), err)
	}
	for range choices {
		answer, found, err := h.holdBest(ctx, e)
		switch {
		case err != nil:
			return err
		case !found:
			return h.elsewhere(ctx, e)
		case answer.Outcome == holds.Taken:
			continue
		default:
			return h.finish(ctx, e, answer)
		}
	}
	return errKeepsMoving
}

// finish writes what an answer leads to.
func (h Place) finish(ctx context.Context, e *entry, a holds.Answer) error {
	var held []*entry
	if h.follow(ctx, e, a) {
		held = []*entry{e}
	}
	return h.write(ctx, []*entry{e}, held)
}

// holdBest chooses by the group's map and asks for what it chose. An order that holds here already is answered its
// hold, whatever was chosen.
func (h Place) holdBest(ctx context.Context, e *entry) (a holds.Answer, found bool, err error) {
	g := e.Message.SeatGroup()
	var shown seatstate.Snapshot
	err = rebuild.Loaded(ctx, h.Loader, g, func() error {
		maps, err := h.Best.Maps(ctx, []contracts.SeatGroup{g})
		if err != nil {
			return err
		}
		if shown = maps[0]; !shown.Loaded {
			return holds.ErrNotLoaded
		}
		return nil
	})
	if err != nil {
		return holds.Answer{}, false, fmt.Errorf("read map: %w", err)
	}
	if e.places, found = seating.Adjacent(e.layout, shown.Map, e.Message.BestAvailable.Quantity); !found {
		return holds.Answer{}, false, nil
	}
	answers, err := h.hold(ctx, []*entry{e})
	if err != nil {
		return holds.Answer{}, false, fmt.Errorf("hold: %w", err)
	}
	return answers[0], true, nil
}

// elsewhere sends the order on to the next group that shows such seats, or rejects it when none does. Either way one call
// asks the order's own record first: an earlier try whose row was not written may hold the very seats that the map shows
// as gone, or have sent the order on to where it holds by now.
func (h Place) elsewhere(ctx context.Context, e *entry) error {
	m := e.Message
	group, found, err := h.candidate(ctx, m)
	if err != nil {
		return err
	}
	to := holds.Nowhere
	if found {
		to = holds.Forwarding{Group: group, Hop: len(m.Visited) + 1}
	}
	var answer holds.Answer
	err = rebuild.Loaded(ctx, h.Loader, m.SeatGroup(), func() (err error) {
		answer, err = h.Best.Forward(ctx, m.SeatGroup(), m.OrderID, m.RequestHash, to)
		return err
	})
	if err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	return h.finish(ctx, e, answer)
}

// candidate is the next group to try: the best whose map shows such seats and that the order has not come through.
func (h Place) candidate(ctx context.Context, m message.PlaceOrder) (group string, found bool, err error) {
	if len(m.Visited) >= message.MaxHops {
		return "", false, nil
	}
	layout, err := h.Catalogue.Layout(ctx, m.ConcertID, m.LayoutVersion)
	if err != nil {
		return "", false, fmt.Errorf("layout of %s: %w", m.ConcertID, err)
	}
	groups := make([]contracts.SeatGroup, len(layout))
	for i, g := range layout {
		groups[i] = contracts.SeatGroup{ConcertID: m.ConcertID, Group: g.Group}
	}
	maps, err := h.Best.Maps(ctx, groups)
	if err != nil {
		return "", false, fmt.Errorf("read maps: %w", err)
	}
	visited := append(slices.Clone(m.Visited), m.Group)
	candidates := seating.Candidates(layout, maps, m.BestAvailable.Section, m.BestAvailable.Quantity, visited)
	if len(candidates) == 0 {
		return "", false, nil
	}
	return candidates[0], true, nil
}

// sendOn sends the order to the group that its record names. The record decides, not what is best now: a redelivery
// must not send it to two groups.
func (h Place) sendOn(ctx context.Context, e *entry, to holds.Forwarding) retry.Outcome {
	m := e.Message
	m.Visited = append(slices.Clone(m.Visited), m.Group)
	m.Group = to.Group
	encoded, err := message.Encode(m, e.trace())
	if err != nil {
		return retry.Poison("encode", err)
	}
	if err := h.Sender.Send(ctx, encoded); err != nil {
		return retry.Classify(fmt.Errorf("send on to %s: %w", to.Group, err))
	}
	return retry.Done()
}
