package reserve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
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
	if err := h.best(ctx, e); err != nil && e.stage != ended {
		e.end(err)
	}
}

func (h Place) best(ctx context.Context, e *entry) (err error) {
	m := e.Message
	if e.concert, err = h.Catalogue.Concert(ctx, m.ConcertID); err != nil {
		return fmt.Errorf("concert %s: %w", m.ConcertID, err)
	}
	if h.tooLate(e) {
		return h.write(ctx, []*entry{e})
	}
	if e.layout, err = h.Catalogue.LayoutGroup(ctx, m.ConcertID, m.LayoutVersion, m.Group); err != nil {
		return fmt.Errorf("layout of %s: %w", m.SeatGroup().Key(), err)
	}
	wish := h.wish(e)
	choose := chooser(wish.Choose)
	for range choices {
		answer, found, err := h.holdBest(ctx, e, choose)
		switch {
		case err != nil:
			return err
		case !found:
			if lastResort, err := h.elsewhere(ctx, e, wish); err != nil || !lastResort {
				return err
			}
			choose = wish.LastResort
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
	h.follow(ctx, e, a)
	return h.write(ctx, []*entry{e})
}

// wish is what the order may have. An order that was accepted after accessible places were released is not refused them
// because this process's clock is behind.
func (h Place) wish(e *entry) seating.Wish {
	now := max(h.cause(e).At, e.Message.AcceptedAt)
	return seating.WishOf(*e.Message.BestAvailable, e.concert.AccessibleReleased(now))
}

// chooser finds seats on a group's map.
type chooser func(readmodel.LayoutGroup, seatstate.SeatMap) (places []int, found bool)

// holdBest chooses by the group's map and asks for what it chose. An order that holds here already is answered its
// hold, whatever was chosen.
func (h Place) holdBest(ctx context.Context, e *entry, choose chooser) (a holds.Answer, found bool, err error) {
	shown, err := h.Seats.Map(ctx, e.group())
	if err != nil {
		return holds.Answer{}, false, fmt.Errorf("read map: %w", err)
	}
	if e.places, found = choose(e.layout, shown.Map); !found {
		return holds.Answer{}, false, nil
	}
	answers, err := h.hold(ctx, []*entry{e})
	if err != nil {
		return holds.Answer{}, false, fmt.Errorf("hold: %w", err)
	}
	return answers[0], true, nil
}

// elsewhere sends the order on to the next group that shows such seats, or rejects it when none does; or answers that it is
// to take accessible places here, as its lastResort. Else one call asks the order's own record first: an earlier try whose
// row was not written may hold the very seats that the map shows as gone, or have sent the order on to where it holds by
// now. (The hold of a last resort asks it as well.)
func (h Place) elsewhere(ctx context.Context, e *entry, wish seating.Wish) (lastResort bool, err error) {
	m := e.Message
	group, found, err := h.candidate(ctx, e, wish)
	switch {
	case err != nil:
		return false, err
	case found && group == m.Group:
		return true, nil
	}
	to := holds.Nowhere
	if found {
		to = holds.Forwarding{Group: group, Hop: len(m.Visited) + 1}
	}
	answer, err := h.Seats.Forward(ctx, e.group(), m.OrderID, m.RequestHash, to)
	if err != nil {
		return false, fmt.Errorf("forward: %w", err)
	}
	return false, h.finish(ctx, e, answer)
}

// candidate is where the order goes on: the best group that it has not come through, or its own group once more, which
// then is its last resort (seating.Wish.Next). Once its hops are used up only that is left to it.
func (h Place) candidate(ctx context.Context, e *entry, wish seating.Wish) (group string, found bool, err error) {
	m := e.Message
	layout := []readmodel.LayoutGroup{e.layout}
	if len(m.Visited) < message.MaxHops {
		if layout, err = h.Catalogue.Layout(ctx, m.ConcertID, m.LayoutVersion); err != nil {
			return "", false, fmt.Errorf("layout of %s: %w", m.ConcertID, err)
		}
	} else if !wish.HasLastResort() {
		return "", false, nil
	}
	groups := make([]seatstate.GroupVersion, len(layout))
	for i, g := range layout {
		groups[i] = seatstate.In(contracts.SeatGroup{ConcertID: m.ConcertID, Group: g.Group}, m.LayoutVersion)
	}
	maps, err := h.Seats.Maps(ctx, groups)
	// A group whose part of Redis is down is tried like one that is not loaded: after those that show seats, and it may have some.
	// An error would hold up this group, too.
	if unread := new(holds.UnreadError); err != nil && !errors.As(err, &unread) {
		return "", false, fmt.Errorf("read maps: %w", err)
	}
	group, found = wish.Next(m.Group, layout, maps, m.Visited)
	return group, found, nil
}

// sendOn sends the order to the group that its record names. The record decides, not what is best now: a redelivery
// must not send it to two groups.
func (h Place) sendOn(ctx context.Context, e *entry, to holds.Forwarding) error {
	m := e.Message
	m.Visited = append(slices.Clone(m.Visited), m.Group)
	m.Group = to.Group
	encoded, err := message.Encode(m, e.trace())
	if err != nil {
		return retry.Poison("encode", err)
	}
	if err := h.Sender.Send(ctx, encoded); err != nil {
		return fmt.Errorf("send on to %s: %w", to.Group, err)
	}
	return nil
}
