// Package identity answers the routes of accounts: sign up, log in, refresh, log out, read and change the own account, confirm an
// address, and set a new password. Access tokens are verified by the gateway; this package makes them.
package identity

import (
	"context"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/maillink"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// LinkKind is what a link in a mail is for.
type LinkKind = maillink.Kind

// Kinds of links.
const (
	LinkConfirm = maillink.Confirm
	LinkReset   = maillink.Reset
)

// Accounts stores accounts. All reads are consistent. Every method is safe for concurrent use, and returns an error only if the
// store did not answer: then a write may have happened.
type Accounts interface {
	// Create stores an account that does not exist yet, with the hash of its password. taken says that its address belongs to
	// another account; then nothing is stored.
	Create(ctx context.Context, user readmodel.User, passwordHash string) (taken bool, err error)
	// MailOwner returns whose an address is.
	MailOwner(ctx context.Context, mailKey string) (owner readmodel.MailOwner, found bool, err error)
	// User returns an account.
	User(ctx context.Context, userID string) (user readmodel.User, found bool, err error)
	// SetProfile changes the name and the locale of an account, each unless it is empty, and returns the account.
	SetProfile(ctx context.Context, userID, name, locale string) (user readmodel.User, found bool, err error)
	// SetNonce makes the nonce that of the account's newest link of this kind. Older links of the kind are void. For an account
	// that does not exist it stores nothing and takes as long.
	SetNonce(ctx context.Context, userID string, kind LinkKind, nonce string) (user readmodel.User, found bool, err error)
	// Confirm marks the account's address as confirmed if the nonce is that of its newest confirmation link, and deletes the nonce.
	Confirm(ctx context.Context, userID, nonce string) (done bool, err error)
	// SetPassword stores a hash if the nonce is that of the newest reset link, deletes the nonce, marks the address as confirmed
	// and ends every session, all or nothing.
	SetPassword(ctx context.Context, user readmodel.User, nonce, passwordHash string) (done bool, err error)
}

// Sessions stores families of refresh tokens. Reads are consistent, and errors are as those of Accounts.
type Sessions interface {
	Start(ctx context.Context, s readmodel.Session) error
	// Session returns a session, also one that has expired and is not deleted yet.
	Session(ctx context.Context, sessionID string) (s readmodel.Session, found bool, err error)
	// Rotate raises the generation from this one, and sets the time of the rotation and the end. done is false if the session has
	// another generation or is gone.
	Rotate(ctx context.Context, sessionID string, from int, at contracts.Instant, expiresAt time.Time) (done bool, err error)
	// End deletes a session, if there is one, and returns whose it was; "" if there was none.
	End(ctx context.Context, sessionID string) (userID string, err error)
}

// Messages takes messages to other functions. A nil error means that the queue has the message.
type Messages interface {
	Send(ctx context.Context, m message.Encoded) error
}

// Limits counts. Errors are as those of Accounts.
type Limits interface {
	// Take adds one to a counter that is below the limit. ok is false, and nothing is added, if it is not. The store may delete
	// the counter after expiresAt; until then a counter keeps its value.
	Take(ctx context.Context, key string, limit int, expiresAt time.Time) (ok bool, err error)
	// Remember marks a key until expiresAt, and Remembered reports whether it is marked at an instant.
	Remember(ctx context.Context, key string, expiresAt time.Time) error
	Remembered(ctx context.Context, key string, at time.Time) (bool, error)
}
