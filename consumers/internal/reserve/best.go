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

// maxChoices bounds how often seats are chosen again because one was taken between the read of the map and the hold. In one group
// that is rare: it needs an expired hold or a late call of another handler.
const maxChoices = 3

var errChosenSeatsTaken = errors.New("the seats that were chosen kept being taken")

// handleBest decides an order for any adjacent seats. Such an order is a run of its own. If this group has no such seats, the
// order is forwarded to the next group whose map shows them. The record that stays here prevents a redelivery from holding seats
// here too, so the order holds seats in one group at most.
func (h Place) handleBest(ctx context.Context, e *entry) {
	if err := h.decideBest(ctx, e); err != nil && e.stage != ended {
		e.end(err)
	}
}

// decideBest does the steps of handleBest. An error ends the entry if it has not ended.
func (h Place) decideBest(ctx context.Context, e *entry) (err error) {
	m := e.Message
	if e.concert, err = h.Catalogue.Concert(ctx, m.ConcertID); err != nil {
		return fmt.Errorf("concert %s: %w", m.ConcertID, err)
	}
	if h.rejectInvalid(e) {
		return h.write(ctx, []*entry{e})
	}
	if e.layout, err = h.Catalogue.LayoutGroup(ctx, m.ConcertID, m.LayoutVersion, m.Group); err != nil {
		return fmt.Errorf("layout of %s: %w", m.SeatGroup().Key(), err)
	}
	wish := h.wishOf(e)
	choose := chooser(wish.Choose)
	for range maxChoices {
		answer, found, err := h.holdBest(ctx, e, choose)
		switch {
		case err != nil:
			return err
		case !found:
			if lastResort, err := h.tryOtherGroup(ctx, e, wish); err != nil || !lastResort {
				return err
			}
			choose = wish.LastResort
		case answer.Outcome == holds.Taken:
			continue
		default:
			return h.applyAndWrite(ctx, e, answer)
		}
	}
	return errChosenSeatsTaken
}

// applyAndWrite applies an answer and writes the row that it leads to.
func (h Place) applyAndWrite(ctx context.Context, e *entry, a holds.Answer) error {
	h.applyAnswer(ctx, e, a)
	return h.write(ctx, []*entry{e})
}

// wishOf returns which seats the order may have. If the order was accepted after the release of accessible places, it may have
// them even if this process's clock is behind.
func (h Place) wishOf(e *entry) seating.Wish {
	now := max(h.cause(e).At, e.Message.AcceptedAt)
	return seating.WishOf(*e.Message.BestAvailable, e.concert.AccessibleReleased(now))
}

// chooser chooses free seats on a group's map. found is false if there are none.
type chooser func(readmodel.LayoutGroup, seatstate.SeatMap) (places []int, found bool)

// holdBest chooses seats on the group's map and asks the script to hold them. If the order has a hold here already, the answer is
// that hold, whatever was chosen. found is false if the map shows no such seats.
func (h Place) holdBest(ctx context.Context, e *entry, choose chooser) (a holds.Answer, found bool, err error) {
	snapshot, err := h.Seats.Map(ctx, e.group())
	if err != nil {
		return holds.Answer{}, false, fmt.Errorf("read map: %w", err)
	}
	if e.places, found = choose(e.layout, snapshot.Map); !found {
		return holds.Answer{}, false, nil
	}
	answers, err := h.hold(ctx, []*entry{e})
	if err != nil {
		return holds.Answer{}, false, fmt.Errorf("hold: %w", err)
	}
	return answers[0], true, nil
}

// tryOtherGroup forwards the order to the next group that shows such seats, or rejects it if no group does. It returns lastResort
// instead if the order is to take accessible places here.
//
// Forwarding and rejecting first read the order's own record in this group, in the same call: an earlier attempt whose row was
// not written may hold the very seats that the map shows as taken, or may have forwarded the order to a group where it has a hold
// now. (The hold of a last resort reads the record too.)
func (h Place) tryOtherGroup(ctx context.Context, e *entry, wish seating.Wish) (lastResort bool, err error) {
	m := e.Message
	group, found, err := h.nextGroup(ctx, e, wish)
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
	return false, h.applyAndWrite(ctx, e, answer)
}

// nextGroup returns the best group that the order has not visited, or its own group, which then is the last resort
// (seating.Wish.Next). After the maximum number of hops only the last resort is possible.
func (h Place) nextGroup(ctx context.Context, e *entry, wish seating.Wish) (group string, found bool, err error) {
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
	// A group whose shard of Redis is unreachable counts like one that is not loaded: it may have seats, and comes after the groups
	// that show some. An error would stop this group too.
	if unread := new(holds.UnreadError); err != nil && !errors.As(err, &unread) {
		return "", false, fmt.Errorf("read maps: %w", err)
	}
	group, found = wish.Next(m.Group, layout, maps, m.Visited)
	return group, found, nil
}

// forward sends the order to the group in its record. The record decides, not the group that is best now: a redelivery must not
// forward the order to two groups.
func (h Place) forward(ctx context.Context, e *entry, to holds.Forwarding) error {
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
