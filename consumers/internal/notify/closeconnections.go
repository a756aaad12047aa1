package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// settledAfter is how long a connection can be missing in the index of connections after it was stored, with a wide margin.
const settledAfter = 2 * time.Second

// closeConnections handles CloseConnections: it closes the connections that the account opened until the end of its session. If that was
// a moment ago, the message is redelivered once, and closes what the index did not show yet.
func (n *Notifier) closeConnections(ctx context.Context, m message.CloseConnections) error {
	// The time is read first: what was stored settledAfter before it is in the index.
	unsettled := settledAfter - n.now().Sub(m.Until)
	connections, err := n.Connections.Until(ctx, m.UserID, m.Until)
	if err != nil {
		return fmt.Errorf("close the connections of account %s: %w", m.UserID, err)
	}
	err = n.eachConnection(connections, func(c readmodel.Connection) error {
		if err := n.Gateway.Close(ctx, c.ConnectionID); err != nil && (!errors.Is(err, ErrGone) || n.opening(c)) {
			return fmt.Errorf("close a connection of account %s: %w", m.UserID, err)
		}
		return n.Connections.Forget(ctx, c.ConnectionID)
	})
	if err == nil && unsettled > 0 {
		return retry.WithDelay(min(unsettled, settledAfter), fmt.Errorf("connections of account %s may have been opened a moment ago", m.UserID))
	}
	return err
}
