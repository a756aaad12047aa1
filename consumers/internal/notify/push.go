package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/frame"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// openingTime is how long a connection may still be opening after its item was stored: the item is stored before the gateway answers
// the handshake, and until then the gateway says that there is no such connection. It is far longer than a handshake takes.
const openingTime = 10 * time.Second

// opening reports whether a connection may still be opening, so that ErrGone does not mean that it has ended.
func (n *Notifier) opening(c readmodel.Connection) bool {
	return n.now().Sub(c.ConnectedAt) < openingTime
}

// maxPushes bounds the connections to which a message is pushed at once.
const maxPushes = 8

// push sends the frame of a row to each connection of its buyer, at most once for a version and connection. A connection to which
// this version or a higher one was sent is left out, so that none gets an older version after a newer one that is known here. Two
// functions that send at the same moment can still overtake each other: a client keeps the highest version.
//
// It returns an error if a connection must be tried again. Those that got the frame are left out then.
func (n *Notifier) push(ctx context.Context, row readmodel.Order) error {
	connections, err := n.Connections.Of(ctx, row.UserID)
	if err != nil {
		return fmt.Errorf("push of order %s: %w", row.OrderID, err)
	}
	if len(connections) == 0 {
		return nil
	}
	text, err := json.Marshal(frame.NewOrder(orderview.Of(row, orderview.With{Layout: n.layoutOfTickets(ctx, row), Timeline: true, Card: true, Payment: true})))
	if err != nil {
		return fmt.Errorf("frame of order %s: %w", row.OrderID, err)
	}
	return n.eachConnection(connections, func(c readmodel.Connection) error { return n.pushTo(ctx, row, c, text) })
}

// eachConnection calls f for some connections at a time and joins the errors.
func (n *Notifier) eachConnection(connections []readmodel.Connection, f func(readmodel.Connection) error) error {
	var (
		mu       sync.Mutex
		running  sync.WaitGroup
		problems []error
	)
	slots := make(chan struct{}, maxPushes)
	for _, c := range connections {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if err := retry.Safely("connection", func() error { return f(c) }); err != nil {
				mu.Lock()
				problems = append(problems, err)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	return errors.Join(problems...)
}

// pushTo sends a frame to one connection.
func (n *Notifier) pushTo(ctx context.Context, row readmodel.Order, c readmodel.Connection, text []byte) error {
	effect := readmodel.PushEffect(row.OrderID, c.ConnectionID)
	before, raised, err := n.Sent.Raise(ctx, effect, row.Version, n.Now().Add(sentFor))
	if err != nil || !raised {
		return err
	}
	err = n.Gateway.Post(ctx, c.ConnectionID, text)
	switch {
	case err == nil:
		n.Meter.Put(telemetry.FramesSent, 1)
		if at := row.History; len(at) > 0 && at[len(at)-1].Version == row.Version {
			n.Meter.Put(telemetry.FrameLag, telemetry.Milliseconds(n.now().Sub(at[len(at)-1].At)))
		}
		return nil
	case errors.Is(err, ErrGone) && !n.opening(c):
		return n.Connections.Forget(ctx, c.ConnectionID)
	case errors.Is(err, ErrFrameRefused):
		// The buyer's page polls.
		n.Log.ErrorContext(ctx, "frame refused", telemetry.KeyOrder, row.OrderID, telemetry.KeyVersion, row.Version, telemetry.KeyError, err.Error())
		return nil
	default:
		if lowering := n.Sent.Lower(ctx, effect, row.Version, before); lowering != nil {
			// The frame is lost. The next version is pushed, and the buyer's page polls.
			n.Log.WarnContext(ctx, "frame lost", telemetry.KeyOrder, row.OrderID, telemetry.KeyVersion, row.Version, telemetry.KeyError, lowering.Error())
		}
		return fmt.Errorf("push of order %s: %w", row.OrderID, err)
	}
}
