package contracts_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
)

// The ids never change: buyers have them in their mail. An id is made of SHA-256 over "ticket", the order's id and the seat,
// joined by NUL.
func TestTicketIDIsGolden(t *testing.T) {
	const want = "t8cesb9gy20hvkwykcb35e9eqtn"
	if got := contracts.TicketIDOf("e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", "A-3-12"); got != want {
		t.Errorf("id %s, want %s", got, want)
	}
}

// Ids are equal only for the same order and seat, have the form of a ticket id, and do not contain a part of the order's id.
func TestTicketIDs(t *testing.T) {
	orders := rapid.StringMatching(`[a-z][0-9a-hjkmnp-tv-z]{31}`)
	seats := rapid.StringMatching(`[A-Z]{1,2}-[0-9]{1,2}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := contracts.OrderID(orders.Draw(t, "a")), contracts.OrderID(orders.Draw(t, "b"))
		x, y := seats.Draw(t, "x"), seats.Draw(t, "y")
		id := contracts.TicketIDOf(a, x)
		if len(id) != 27 || id[0] != 't' || strings.Trim(string(id[1:]), contracts.OrderIDAlphabet) != "" {
			t.Fatalf("id %q", id)
		}
		if strings.Contains(string(id), string(a[2:10])) {
			t.Fatalf("%s has a part of %s", id, a)
		}
		if contracts.TicketIDOf(a, x) != id || (contracts.TicketIDOf(b, x) == id) != (a == b) || (contracts.TicketIDOf(a, y) == id) != (x == y) {
			t.Fatalf("ids of %s, %s and %s, %s", a, b, x, y)
		}
	})
}
