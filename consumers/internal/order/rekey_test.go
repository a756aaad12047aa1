package order_test

import (
	"errors"
	"maps"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
)

// A re-keyed ticket has a new code and its old one is lost; the other tickets of the order keep theirs, and so does the row that
// was read.
func TestRekey(t *testing.T) {
	was := order.Order{Order: readmodel.Order{OrderID: "e1", ConcertID: "c", Status: contracts.Confirmed, Version: 4, Seats: []string{"A-1", "A-2"}}}
	once, err := was.Rekey("A-2")
	if err != nil || once.Version != 5 || once.Status != contracts.Confirmed || !maps.Equal(once.KeyNumbers, map[string]int{"A-2": 1}) || was.KeyNumbers != nil {
		t.Fatalf("%+v from %+v, %v", once, was, err)
	}
	lost := ticketcode.Lost(was.Order, once.Order)
	if len(lost) != 1 || lost[0] != ticketcode.CodeOf(contracts.TicketIDOf("e1", "A-2"), 0) {
		t.Errorf("lost %v", lost)
	}
	twice, err := once.Rekey("A-2", "A-1", "A-2")
	if err != nil || !maps.Equal(twice.KeyNumbers, map[string]int{"A-1": 1, "A-2": 2}) || !maps.Equal(once.KeyNumbers, map[string]int{"A-2": 1}) {
		t.Errorf("%+v from %+v, %v", twice.KeyNumbers, once.KeyNumbers, err)
	}
	row, found := ticketcode.RevocationOf(once.Order, twice.Order)
	codes, err := ticketcode.RevokedBy(row)
	if !found || err != nil || len(codes) != 2 || row.ConcertID != "c" || row.OrderVersion != "e1#6" {
		t.Errorf("%+v, %v", row, err)
	}
	if row, found := ticketcode.RevocationOf(twice.Order, twice.Order); found {
		t.Errorf("nothing changed, and %+v is revoked", row)
	}
	if _, err := ticketcode.RevokedBy(readmodel.Revocation{Codes: []byte{1, 2, 3}}); err == nil {
		t.Error("a part of a code is accepted")
	}
	for _, c := range []struct {
		status contracts.Status
		seats  []string
	}{
		{contracts.Committed, []string{"A-1"}}, {contracts.Refunded, []string{"A-1"}}, {contracts.Revoked, []string{"A-1"}}, {contracts.Held, []string{"A-1"}},
		{contracts.Confirmed, []string{"A-3"}}, {contracts.Confirmed, []string{"A-1", ""}}, {contracts.Confirmed, nil},
	} {
		o := was
		o.Status = c.status
		if next, err := o.Rekey(c.seats...); !errors.Is(err, order.ErrNoTicket) || next.Version != 4 {
			t.Errorf("%s %q: version %d, %v", c.status, c.seats, next.Version, err)
		}
	}
}

// Whichever status follows one with tickets and has none, all codes are lost; an order that never had tickets loses none.
func TestCodesThatATransitionLoses(t *testing.T) {
	for _, from := range contracts.Statuses() {
		for _, to := range from.Next() {
			before := readmodel.Order{OrderID: "e1", Seats: []string{"A-1", "A-2"}, Status: from, KeyNumbers: map[string]int{"A-1": 3}}
			after := before
			after.Status = to
			want := 0
			if from.Paid() && !to.Paid() {
				want = 2
			}
			if lost := ticketcode.Lost(before, after); len(lost) != want {
				t.Errorf("%s to %s loses %d codes, want %d", from, to, len(lost), want)
			}
		}
	}
}
