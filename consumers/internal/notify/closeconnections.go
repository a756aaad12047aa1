package notify

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// closeConnections handles CloseConnections: it closes the connections that the account opened until the end of its session.
func (n *Notifier) closeConnections(ctx context.Context, m message.CloseConnections) error {
	connections, err := n.Connections.Of(ctx, m.UserID)
	if err != nil {
		return fmt.Errorf("close the connections of account %s: %w", m.UserID, err)
	}
	var until []readmodel.Connection
	for _, c := range connections {
		if c.ConnectedAt <= m.Until {
			until = append(until, c)
		}
	}
	return n.eachConnection(until, func(c readmodel.Connection) error {
		if err := n.Gateway.Close(ctx, c.ConnectionID); err != nil && !errors.Is(err, ErrGone) {
			return fmt.Errorf("close a connection of account %s: %w", m.UserID, err)
		}
		return n.Connections.Forget(ctx, c.ConnectionID)
	})
}
