package tickets_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/tickets"
)

type clock struct{ at time.Time }

func (s *shelf) revoked(c *clock) httpapi.Handler {
	return tickets.NewRevocations(s, s, keys(), slog.New(slog.NewJSONHandler(&s.log, nil)), func() time.Time { return c.at }).Handle
}

func (s *shelf) ask(t testing.TB, handle httpapi.Handler, concert, query string) httpapi.Response {
	t.Helper()
	return s.get(t, handle, "/api/concerts/{concertId}/revocations", "", "/api/concerts/"+concert+"/revocations", query, "")
}

// The list has every code of every row once, is signed, and says as of when it is complete.
func TestRevocations(t *testing.T) {
	s, c := newShelf(), &clock{now}
	before := order("anna", 1, contracts.Confirmed, "A-1-1", "A-1-2")
	after := before
	after.Status, after.Version = contracts.Refunded, 5
	row, _ := ticketcode.RevocationOf(before, after)
	other, _ := ticketcode.RevocationOf(order("ben", 2, contracts.Committed, "A-2-1"), order("ben", 2, contracts.Revoked, "A-2-1"))
	s.revocations = []readmodel.Revocation{row, other, row}
	handle := s.revoked(c)
	read := func() (list ticketcode.Revocations) {
		t.Helper()
		r := s.ask(t, handle, "c", "")
		if problems := contract(t).Problems(t, "GET", "/api/concerts/c/revocations", r); problems != "" {
			t.Error(problems)
		}
		if r.StatusCode != 200 || r.Headers["Cache-Control"] != "public, max-age=60" || json.Unmarshal([]byte(r.Body), &list) != nil {
			t.Fatalf("%d %v %s", r.StatusCode, r.Headers, r.Body)
		}
		if err := list.Verify(ticketcode.PublicKeys{1: keys()[0].Public}, "c"); err != nil {
			t.Error(err)
		}
		return list
	}
	list := read()
	if len(list.Codes) != 3 || list.At != contracts.InstantOf(c.at) {
		t.Errorf("%+v", list)
	}
	for _, code := range append(ticketcode.CodesOf(before), ticketcode.CodeOf(contracts.TicketIDOf("ben-002", "A-2-1"), 0)) {
		if !list.Has(code) {
			t.Errorf("%s is missing", code)
		}
	}
	// A list that is kept says its true age, and is read again after some seconds.
	s.revocations = nil
	c.at = c.at.Add(ticketcode.KeptInProcess - time.Millisecond)
	if again := read(); !slices.Equal(again.Codes, list.Codes) || again.At != list.At || s.lists != 1 {
		t.Errorf("%+v after %d reads", again, s.lists)
	}
	c.at = c.at.Add(time.Millisecond)
	if again := read(); len(again.Codes) != 0 || again.At != contracts.InstantOf(c.at) || s.lists != 2 {
		t.Errorf("%+v after %d reads", again, s.lists)
	}
}

// A list that is not complete is never given: not while the store fails, not from rows that cannot be read, not cut.
func TestNoIncompleteList(t *testing.T) {
	many := readmodel.Revocation{Codes: make([]byte, (ticketcode.MaxRevoked+1)*10)}
	for i := range ticketcode.MaxRevoked + 1 {
		many.Codes[10*i], many.Codes[10*i+1], many.Codes[10*i+2] = byte(i>>16), byte(i>>8), byte(i)
	}
	for name, c := range map[string]struct {
		rows []readmodel.Revocation
		err  error
		want int
	}{
		"the store fails":   {nil, errors.New("c4n4ry"), 503},
		"half a code":       {[]readmodel.Revocation{{Codes: make([]byte, 15)}}, nil, 503},
		"one code too many": {[]readmodel.Revocation{many}, nil, 500},
		"the store stops":   {nil, ticketcode.ErrTooManyRevoked, 500},
	} {
		s := newShelf()
		s.revocations, s.orders = c.rows, c.err
		if r := s.ask(t, s.revoked(&clock{now}), "c", ""); r.StatusCode != c.want || strings.Contains(r.Body, "c4n4ry") {
			t.Errorf("%s: %d %.200s", name, r.StatusCode, r.Body)
		}
	}
	s := newShelf()
	if r := s.ask(t, s.revoked(&clock{now}), "other", ""); r.StatusCode != 404 {
		t.Errorf("another concert: %d", r.StatusCode)
	}
	if r := s.ask(t, s.revoked(&clock{now}), "c", "cursor=x"); r.StatusCode != 400 {
		t.Errorf("with a cursor: %d", r.StatusCode)
	}
	s.catalogue = errors.New("c4n4ry")
	if r := s.ask(t, s.revoked(&clock{now}), "c", ""); r.StatusCode != 503 {
		t.Errorf("without concerts: %d", r.StatusCode)
	}
}
