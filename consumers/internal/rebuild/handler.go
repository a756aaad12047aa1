package rebuild

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Presence says whether a group is loaded.
type Presence interface {
	// Loaded answers nil, or holds.ErrNotLoaded.
	Loaded(ctx context.Context, g contracts.SeatGroup) error
}

// Handler handles RebuildGroup: load the group if it is not there. A group that is there stays as it is.
type Handler struct {
	Presence Presence
	Loader   Loader
}

// Handle loads the group of one message.
func (h Handler) Handle(ctx context.Context, m message.RebuildGroup) retry.Outcome {
	err := Loaded(ctx, h.Loader, m.SeatGroup(), func() error { return h.Presence.Loaded(ctx, m.SeatGroup()) })
	if err != nil {
		return retry.Classify(fmt.Errorf("load %s: %w", m.SeatGroup().Key(), err))
	}
	return retry.Done()
}
