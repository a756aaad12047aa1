package readmodel

import (
	"boxoffice/contracts"
)

// The table users has two items for each account: the User, and the MailOwner of its address. The second makes addresses unique,
// and has what a login reads, so that a login with an unknown address makes the same read.

// User is an account, under UserItem of its id.
type User struct {
	Item   string `dynamodbav:"accountItem"`
	UserID string `dynamodbav:"userId"`
	// Email is the address as its owner wrote it, MailKey the form in which two spellings of one address are equal. MailKey is
	// empty for an account that nobody can log in to.
	Email          string            `dynamodbav:"email"`
	MailKey        string            `dynamodbav:"mailKey,omitempty"`
	EmailConfirmed bool              `dynamodbav:"emailConfirmed"`
	Name           string            `dynamodbav:"name"`
	Locale         string            `dynamodbav:"locale"`
	CreatedAt      contracts.Instant `dynamodbav:"createdAt"`
	// Operator says that tokens of the account have the scope operator. No request sets it.
	Operator bool `dynamodbav:"operator,omitempty"`
	// SessionEpoch rises when every session of the account ends. A session of another epoch has ended.
	SessionEpoch int `dynamodbav:"sessionEpoch"`
	// ConfirmNonce and ResetNonce are those of the newest link of each kind. They are deleted when the link is used.
	ConfirmNonce string `dynamodbav:"confirmNonce,omitempty"`
	ResetNonce   string `dynamodbav:"resetNonce,omitempty"`
}

// Person is the part of a User that tickets show.
type Person struct {
	Name   string `dynamodbav:"name"`
	Locale string `dynamodbav:"locale"`
}

// MailOwner says whose an address is, under MailItem of the address's key.
type MailOwner struct {
	Item   string `dynamodbav:"accountItem"`
	UserID string `dynamodbav:"userId"`
	// PasswordHash has the PHC string format.
	PasswordHash string `dynamodbav:"passwordHash"`
}

// UserItem is the key of an account's own item.
func UserItem(userID string) string { return "user#" + userID }

// MailItem is the key of the item that makes a mail address unique.
func MailItem(mailKey string) string { return "mail#" + mailKey }

// Session is a family of refresh tokens: each refresh raises the generation by one, and only the newest token is good for the
// next. It is one login on one device.
type Session struct {
	SessionID  string            `dynamodbav:"sessionId"`
	UserID     string            `dynamodbav:"userId"`
	Epoch      int               `dynamodbav:"epoch"`
	Generation int               `dynamodbav:"generation"`
	StartedAt  contracts.Instant `dynamodbav:"startedAt"`
	RotatedAt  contracts.Instant `dynamodbav:"rotatedAt"`
	// ExpiresAt is in seconds since 1970. DynamoDB deletes the item days later, so readers compare it.
	ExpiresAt int64 `dynamodbav:"expiresAt,omitempty"`
}

// Limit is a counter of one key in one window of time, or the mark that something was there. It has no address and no mail in
// its key, only a hash.
type Limit struct {
	LimitKey string `dynamodbav:"limitKey"`
	Count    int    `dynamodbav:"count"`
	// ExpiresAt is in seconds since 1970.
	ExpiresAt int64 `dynamodbav:"expiresAt,omitempty"`
}
