package seats

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// Rebuild handles RebuildGroup: it loads the group if it is not there in the layout version that is sold, and leaves a group
// that is there as it is.
type Rebuild struct {
	Concerts Concerts
	// Groups is a Store.
	Groups Ensurer
}

// Handle loads the group of one message.
func (h Rebuild) Handle(ctx context.Context, m message.RebuildGroup) error {
	version, err := frozen(ctx, h.Concerts, m.ConcertID)
	if err == nil {
		err = h.Groups.Ensure(ctx, seatstate.In(m.SeatGroup(), version))
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", m.SeatGroup().Key(), err)
	}
	return nil
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
