package readmodel

import (
	"strconv"

	"boxoffice/contracts"
)

// Sent is an item of the table sent: one effect outside of Boxoffice, such as a mail, under its logical id. The item is written
// before the effect, so that the effect is not made twice.
type Sent struct {
	// Effect is MailEffect, LinkEffect, PushEffect or StopEffect.
	Effect string `dynamodbav:"effect"`
	// State is SentClaimed or SentDone. Only mails have it.
	State string `dynamodbav:"state,omitempty"`
	// LeaseEndsAt is until when the function that claimed a mail may send it. After that another one may.
	LeaseEndsAt contracts.Instant `dynamodbav:"leaseEndsAt,omitempty"`
	// Version is the highest version of the order that was pushed to a connection.
	Version int `dynamodbav:"version,omitempty"`
	// Reason is why mails to an address are stopped, and At since when.
	Reason string            `dynamodbav:"reason,omitempty"`
	At     contracts.Instant `dynamodbav:"at,omitempty"`
	// ExpiresAt is in seconds since 1970. An address that is stopped has none.
	ExpiresAt int64 `dynamodbav:"expiresAt,omitempty"`
}

// States of a mail.
const (
	SentClaimed = "claimed"
	SentDone    = "sent"
)

// MailEffect is the id of the mail to a user about the status that an order reached with a version.
func MailEffect(id contracts.OrderID, version int, userID string) string {
	return string(id) + ":" + strconv.Itoa(version) + ":mail:" + userID
}

// LinkEffect is the id of the mail with a link. The nonce makes each link another one.
func LinkEffect(kind, nonce, userID string) string { return kind + ":" + nonce + ":mail:" + userID }

// PushEffect is the id of the frames of an order to a connection. The item has the version.
func PushEffect(id contracts.OrderID, connectionID string) string {
	return string(id) + ":push:" + connectionID
}

// StopEffect is the id of the mark that stops mails to an account.
func StopEffect(userID string) string { return "stopped:mail:" + userID }
