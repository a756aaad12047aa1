package seats

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// Rebuild handles RebuildGroup: it loads the group in the layout version that is sold, unless the group is loaded in that
// version already. It is safe for concurrent use.
type Rebuild struct {
	Concerts Concerts
	// Groups is a Store.
	Groups Ensurer
}

// Handle loads the group of one message.
func (h Rebuild) Handle(ctx context.Context, m message.RebuildGroup) error {
	version, err := frozenVersion(ctx, h.Concerts, m.ConcertID)
	if err == nil {
		err = h.Groups.Ensure(ctx, seatstate.In(m.SeatGroup(), version))
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", m.SeatGroup().Key(), err)
	}
	return nil
}

// frozenVersion returns the frozen layout version of a concert, which is the version that is sold. Without one nothing can be
// loaded, and the error is poison: the message came too early, or the concert does not exist.
func frozenVersion(ctx context.Context, c Concerts, concertID string) (version int, err error) {
	concert, err := c.Concert(ctx, concertID)
	if err != nil {
		return 0, err
	}
	if concert.LayoutFrozen == 0 {
		return 0, retry.Poison("layout_not_frozen", fmt.Errorf("no layout of concert %s is frozen", concertID))
	}
	return concert.LayoutFrozen, nil
}
