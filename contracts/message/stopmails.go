package message

import (
	"slices"
)

// KindStopMails says that mails to accounts are not wanted or cannot arrive: SES reported that a mail bounced for good, or that its
// reader complained.
// Cause: an event of SES on the default bus. A rule of the topology makes the message of the event.
// Handler: consumers/internal/notify/stopmails.go.
const KindStopMails Kind = "StopMails"

// MailStop is why mails to an address are stopped.
type MailStop string

// Reasons to stop mails.
const (
	MailBounced    MailStop = "bounce"
	MailComplained MailStop = "complaint"
)

// MailStops lists every reason.
func MailStops() []MailStop { return []MailStop{MailBounced, MailComplained} }

// StopMails is version 1.
type StopMails struct {
	// UserIDs are the accounts that the mail was for. SES gives the tags of a mail as lists; a mail has one account.
	UserIDs []string `json:"userIds"`
	Reason  MailStop `json:"reason"`
}

// maxStopped bounds the accounts of one message.
const maxStopped = 10

// Kind implements Message.
func (StopMails) Kind() Kind   { return KindStopMails }
func (StopMails) version() int { return 1 }

// Route implements Message.
func (StopMails) Route() Route { return Route{Queue: QueueNotifications} }

func (StopMails) attributes() Attributes { return Attributes{} }

// Validate implements Message.
func (m StopMails) Validate() error {
	var p problems
	p.checkf(len(m.UserIDs) >= 1 && len(m.UserIDs) <= maxStopped, "userIds has %d ids, want 1 to %d", len(m.UserIDs), maxStopped)
	p.checkf(!slices.ContainsFunc(m.UserIDs, func(id string) bool { return !ValidUserID(id) }), "userIds has what is no id of an account")
	p.checkf(slices.Contains(MailStops(), m.Reason), "reason is %q, want one of %q", m.Reason, MailStops())
	return p.err()
}
