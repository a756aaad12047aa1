package stack

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"

	"boxoffice/contracts/ticketcode"
)

// Users of the stack's Redis.
const (
	RedisAdmin  = "admin"
	RedisWriter = "writer"
	RedisReader = "reader"
	RedisPay    = "pay"
)

// Secrets of a stack, which its first up makes at random. env prints the password of the test user and the keys of the stand-in
// for Stripe, and no other secret.
type Secrets struct {
	// OrderIDs has the form of the topology's secret order-ids: "1:" and 32 bytes in base64url.
	OrderIDs string `json:"orderIds"`
	// Sessions, MailLinks and PushTickets have the form of the topology's secrets sessions, mail-links and push-tickets.
	Sessions    string `json:"sessions"`
	MailLinks   string `json:"mailLinks"`
	PushTickets string `json:"pushTickets"`
	// TicketKey has the form of the topology's secret ticket-key.
	TicketKey string `json:"ticketKey"`
	// Origin is the secret by which functions know requests of the edge.
	Origin string `json:"origin"`
	// Redis maps a user to its password.
	Redis map[string]string `json:"redis"`
	// Stripe has the keys of the stand-in's account and the secret that signs its webhooks.
	Stripe StripeKeys `json:"stripe"`
}

// StripeKeys have the forms of Stripe's test keys.
type StripeKeys struct {
	Secret      string `json:"secret"`
	Publishable string `json:"publishable"`
	Webhook     string `json:"webhook"`
}

// secretBytes is the length of every secret: that of an HMAC key.
const secretBytes = 32

// LoadSecrets returns the stack's secrets. It makes and stores those that do not exist yet.
func (f Folder) LoadSecrets() (Secrets, error) {
	var s Secrets
	var found bool
	if err := f.load(f.secretsPath(), &s, &found); err != nil {
		return s, err
	}
	if !found {
		s = Secrets{OrderIDs: "1:" + base64.RawURLEncoding.EncodeToString(random()), Redis: map[string]string{}}
		s.Stripe = StripeKeys{
			Secret: "sk_test_" + hex.EncodeToString(random()), Publishable: "pk_test_" + hex.EncodeToString(random()),
			Webhook: "whsec_" + hex.EncodeToString(random()),
		}
	}
	complete := found
	// A stack of an earlier version may lack these.
	for _, secret := range []*string{&s.Sessions, &s.MailLinks, &s.PushTickets} {
		if *secret == "" {
			*secret, complete = "1:"+base64.RawURLEncoding.EncodeToString(random()), false
		}
	}
	if s.TicketKey == "" {
		var err error
		if s.TicketKey, err = ticketcode.FirstKey(random()).Encode(); err != nil {
			return s, err
		}
		complete = false
	}
	if s.Origin == "" {
		s.Origin, complete = hex.EncodeToString(random()), false
	}
	// A stack of an earlier version may lack a user.
	for _, user := range []string{RedisAdmin, RedisWriter, RedisReader, RedisPay} {
		if s.Redis[user] == "" {
			s.Redis[user], complete = hex.EncodeToString(random()), false
		}
	}
	if complete {
		return s, nil
	}
	return s, WriteJSON(f.secretsPath(), s)
}

func random() []byte {
	b := make([]byte, secretBytes)
	// Read never fails: the program ends if the system has no randomness (crypto/rand).
	_, _ = rand.Read(b)
	return b
}
