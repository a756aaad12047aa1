// Package notify tells buyers what became of their orders: by a frame on their open connections, and by mail. It handles the
// messages of the queue notifications, which have ids alone. There is one file for each message; push.go and mail.go are the two
// channels.
//
// The queue is no FIFO queue, and the bus delivers in no order and more than once. So a handler reads the row of the order and sends
// what is so now. What it has sent is in the table sent, under the logical id of each effect (README.md).
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/consumers/internal/mails"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// Orders reads rows. It is safe for concurrent use.
type Orders interface {
	// Read reads a row consistently; found is false if there is none.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
}

// Users reads accounts. It is safe for concurrent use.
type Users interface {
	// User reads an account consistently; found is false if there is none. The error has no address and no name.
	User(ctx context.Context, userID string) (u readmodel.User, found bool, err error)
}

// Catalogue reads concerts and layouts. It is safe for concurrent use.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (readmodel.Concert, error)
	// Layout returns all groups of a layout version. The caller must not change the slice.
	Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error)
}

// Connections stores which connections a buyer has. It is safe for concurrent use.
type Connections interface {
	// Of returns the connections of a user, the newest 100 of them. A connection that was opened a moment ago may be missing, and one that is gone may be
	// there still.
	Of(ctx context.Context, userID string) ([]readmodel.Connection, error)
	// Until returns all connections that the user opened until then and that can still be open, however many there are. With it as
	// with Of, a connection that was opened a moment ago may be missing.
	Until(ctx context.Context, userID string, until contracts.Instant) ([]readmodel.Connection, error)
	// Forget deletes the item of a connection, if there is one.
	Forget(ctx context.Context, connectionID string) error
}

// ErrGone means that a connection does not exist any more.
var ErrGone = errors.New("the connection is gone")

// ErrFrameRefused means that the gateway would refuse the same frame again, for example because it is too long.
var ErrFrameRefused = errors.New("the gateway refuses the frame")

// Gateway sends to connections. It is safe for concurrent use.
type Gateway interface {
	// Post sends a text to a connection. It returns ErrGone or ErrFrameRefused, which may be wrapped. After any other error it is
	// not known whether the text was sent.
	Post(ctx context.Context, connectionID string, text []byte) error
	// Close closes a connection. It returns ErrGone if there is none.
	Close(ctx context.Context, connectionID string) error
}

// Mailer sends mails. It is safe for concurrent use.
type Mailer interface {
	// Send sends a mail. After an error it may have been sent. An error of class retry.ClassPoison is final. The error has no address
	// and nothing of the content.
	Send(ctx context.Context, m mails.Mail) error
}

// Sent is the table of effects. It is safe for concurrent use.
type Sent interface {
	// Claim claims a mail until leaseEndsAt, unless it is sent or another claim has not ended at now. The item may be deleted after
	// expiresAt. If a response is lost, the caller may find its own claim as that of another.
	Claim(ctx context.Context, effect string, now, leaseEndsAt contracts.Instant, expiresAt time.Time) (Claim, error)
	// Done marks a claimed mail as sent.
	Done(ctx context.Context, effect string, expiresAt time.Time) error
	// Release ends a claim whose mail was not sent, unless the mail is sent.
	Release(ctx context.Context, effect string) error
	// Raise stores the version of an order that is pushed to a connection, and returns the version that was stored before, 0 if there
	// was none. raised is false, and nothing is stored, if this version or a higher one is stored.
	Raise(ctx context.Context, effect string, version int, expiresAt time.Time) (before int, raised bool, err error)
	// Lower undoes Raise after a version that was not pushed: if the item has this version, it gets the version before again. With
	// before 0 it is deleted.
	Lower(ctx context.Context, effect string, version, before int) error
	// Stop marks that an account gets no more mails. It keeps the first mark.
	Stop(ctx context.Context, userID string, reason message.MailStop, at contracts.Instant) error
	// Stopped returns why an account gets no more mails, "" if it gets them.
	Stopped(ctx context.Context, userID string) (message.MailStop, error)
}

// Claim is the result of a claim.
type Claim struct {
	State ClaimState
	// Until is when the claim of another function ends, with ClaimTaken.
	Until contracts.Instant
}

// ClaimState says whether the caller may send.
type ClaimState int

// States of a claim.
const (
	// Claimed: the caller may send.
	Claimed ClaimState = iota
	// ClaimTaken: another function may be sending.
	ClaimTaken
	// ClaimDone: the mail is sent.
	ClaimDone
)

// Notifier handles messages. It is immutable and safe for concurrent use.
type Notifier struct {
	Orders      Orders
	Users       Users
	Catalogue   Catalogue
	Connections Connections
	Gateway     Gateway
	Mailer      Mailer
	Sent        Sent
	Sender      mails.Sender
	Links       Links
	Log         *slog.Logger
	Meter       *telemetry.Meter
	Now         func() time.Time
}

// handlers has the handler of each kind.
func (n *Notifier) handlers() map[message.Kind]func(context.Context, message.Message) error {
	return map[message.Kind]func(context.Context, message.Message) error{
		message.KindNotifyOrder:      handlerOf(n.notifyOrder),
		message.KindNotifyAccount:    handlerOf(n.notifyAccount),
		message.KindStopMails:        handlerOf(n.stopMails),
		message.KindCloseConnections: handlerOf(n.closeConnections),
	}
}

func handlerOf[M message.Message](handle func(context.Context, M) error) func(context.Context, message.Message) error {
	return func(ctx context.Context, m message.Message) error {
		of, ok := m.(M)
		if !ok {
			return retry.Poison(reasonMisrouted, fmt.Errorf("%s is decoded as %T", m.Kind(), m))
		}
		return handle(ctx, of)
	}
}

// Reasons of poison.
const (
	reasonMisrouted = "misrouted"
	reasonNoOrder   = "order_missing"
)

// Handle decodes and handles one message of notifications.
func (n *Notifier) Handle(ctx context.Context, d message.Delivery) error {
	decoded, err := message.Decode(d.Body)
	if err != nil {
		return err
	}
	handle, known := n.handlers()[decoded.Kind()]
	if !known {
		return retry.Poison(reasonMisrouted, fmt.Errorf("%s is not for this queue", decoded.Kind()))
	}
	return handle(ctx, decoded)
}

// now returns the time as it is stored.
func (n *Notifier) now() contracts.Instant { return contracts.InstantOf(n.Now()) }
