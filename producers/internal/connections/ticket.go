package connections

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"boxoffice/producers/internal/httpapi"
)

const (
	// ticketTTL is how long a ticket opens a connection, once.
	ticketTTL = time.Minute
	// ticketPurpose separates tickets from everything else that is sealed.
	ticketPurpose = "push"
	// nonceBytes make a nonce that no other ticket has.
	nonceBytes = 16
)

// ticket opens one connection of an account.
type ticket struct {
	userID string
	nonce  string
	ends   time.Time
}

// issue makes a ticket. Nothing of it is stored until it is used: a page that only looks costs no write.
func (s *Service) issue(userID string) (string, error) {
	var nonce [nonceBytes]byte
	if _, err := io.ReadFull(s.Random, nonce[:]); err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	ends := s.Now().Add(ticketTTL).Unix()
	return s.Keys.Seal(ticketPurpose, userID, base64.RawURLEncoding.EncodeToString(nonce[:]), strconv.FormatInt(ends, 10)), nil
}

var (
	errForged  = errors.New("forged")
	errExpired = errors.New("expired")
)

// open returns what a ticket says. The error is errForged for a text that this service has not made, and errExpired for an old one.
func (s *Service) open(text string) (ticket, error) {
	fields, ok := s.Keys.Open(ticketPurpose, text, 3)
	if !ok {
		return ticket{}, errForged
	}
	seconds, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return ticket{}, errForged
	}
	t := ticket{userID: fields[0], nonce: fields[1], ends: time.Unix(seconds, 0)}
	if !s.Now().Before(t.ends) {
		return ticket{}, errExpired
	}
	return t, nil
}

type pushBody struct {
	URL    string `json:"url"`
	Ticket string `json:"ticket"`
}

// push answers GET /api/push.
func (s *Service) push(_ context.Context, r httpapi.Request) (httpapi.Response, error) {
	user, err := r.RequireUser()
	if err != nil {
		return httpapi.Response{}, err
	}
	made, err := s.issue(user)
	if err != nil {
		return httpapi.Response{}, err
	}
	return httpapi.JSON(http.StatusOK, pushBody{URL: s.URL, Ticket: made}, nil), nil
}
