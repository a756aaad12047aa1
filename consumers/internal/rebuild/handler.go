package rebuild

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// Presence says whether a group is loaded.
type Presence interface {
	// Loaded answers nil, or holds.ErrNotLoaded where the group is not there in this layout version.
	Loaded(ctx context.Context, g seatstate.GroupVersion) error
}

// Handler handles RebuildGroup: load the group if it is not there in the layout version that is sold. A group that is there
// stays as it is.
type Handler struct {
	Concerts Concerts
	Presence Presence
	Loader   Loader
}

// Handle loads the group of one message.
func (h Handler) Handle(ctx context.Context, m message.RebuildGroup) retry.Outcome {
	version, err := frozen(ctx, h.Concerts, m.ConcertID)
	if err == nil {
		g := seatstate.In(m.SeatGroup(), version)
		err = Loaded(ctx, h.Loader, g, func() error { return h.Presence.Loaded(ctx, g) })
	}
	if err != nil {
		return retry.Classify(fmt.Errorf("load %s: %w", m.SeatGroup().Key(), err))
	}
	return retry.Done()
}

// frozen is the layout version of a concert that is sold. Without one nothing can be loaded: a message that asks for it came
// too early, or is of a concert that is not there.
func frozen(ctx context.Context, c Concerts, concertID string) (version int, err error) {
	concert, err := c.Concert(ctx, concertID)
	if err != nil {
		return 0, err
	}
	if concert.LayoutFrozen == 0 {
		return 0, &retry.PoisonError{Reason: "layout_not_frozen", Err: fmt.Errorf("no layout of concert %s is frozen", concertID)}
	}
	return concert.LayoutFrozen, nil
}
