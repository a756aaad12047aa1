package message

import (
	"regexp"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/maillink"
)

// KindNotifyAccount asks for a mail with a link to the owner of an account.
// Cause: identity, after it has stored the nonce of the link.
// Handler: consumers/internal/notify/account.go.
const KindNotifyAccount Kind = "NotifyAccount"

// NotifyAccount is version 1. It has no address and no link: the handler reads the account's item, and makes the link's token with
// the secret that identity opens it with. It is sent for an account that does not exist too, so that the sender takes as long.
type NotifyAccount struct {
	UserID string `json:"userId"`
	// Link is what the link is for.
	Link maillink.Kind `json:"link"`
	// Nonce makes the link the newest of its kind. Without the secret it opens nothing.
	Nonce string `json:"nonce"`
	// LinkEndsAt is when the link ends.
	LinkEndsAt contracts.Instant `json:"linkEndsAt"`
}

// Kind implements Message.
func (NotifyAccount) Kind() Kind   { return KindNotifyAccount }
func (NotifyAccount) version() int { return 1 }

// Route implements Message.
func (NotifyAccount) Route() Route { return Route{Queue: QueueNotifications} }

func (m NotifyAccount) attributes() Attributes { return Attributes{UserID: m.UserID} }

// nonceForm is the form of a nonce.
var nonceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Validate implements Message.
func (m NotifyAccount) Validate() error {
	var p problems
	p.checkf(ValidUserID(m.UserID), "userId is no id of an account")
	p.checkf(slices.Contains(maillink.Kinds(), m.Link), "link is %q, want one of %q", m.Link, maillink.Kinds())
	p.checkf(nonceForm.MatchString(m.Nonce), "nonce is no nonce")
	p.checkf(m.LinkEndsAt > 0, "linkEndsAt is %d, want at least 1", m.LinkEndsAt)
	return p.err()
}
