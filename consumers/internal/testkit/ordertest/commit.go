package ordertest

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
)

var paid = order.Cause{Kind: message.KindPaymentAuthorized, MessageID: "m-3", At: 1_100_000}

// committed returns the COMMITTED version of an open row.
func committed(t *testing.T, o order.Order) order.Order {
	t.Helper()
	next, err := o.Commit("pi_1", paid)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// owners checks the tickets of a group, read together and one by one.
func owners(t *testing.T, b Backend, g contracts.SeatGroup, want map[string]contracts.OrderID) {
	t.Helper()
	for _, seat := range []string{"A-1-1", "A-1-2", "A-1-3"} {
		if owner, found, err := b.Store.Ticket(t.Context(), g, seat); owner != want[seat] || found != (want[seat] != "") || err != nil {
			t.Errorf("the ticket of %s is %q, found %v, %v; want %q", seat, owner, found, err, want[seat])
		}
	}
	got, err := b.Store.Tickets(t.Context(), g)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("tickets are %v, %v; want %v", got, err, want)
	}
}

// commitTests are the promises about the ownership of seats.
func commitTests(group func() contracts.SeatGroup) map[string]func(t *testing.T, b Backend) {
	return map[string]func(t *testing.T, b Backend){
		"a commit writes all tickets and the row": func(t *testing.T, b Backend) {
			g := group()
			row := HeldOrder(Placed(g, "A-1-1", "A-1-2"))
			put(t, b, row)
			if err := b.Store.Commit(t.Context(), row, committed(t, row)); err != nil {
				t.Fatalf("got %v", err)
			}
			owners(t, b, g, map[string]contracts.OrderID{"A-1-1": row.OrderID, "A-1-2": row.OrderID})
			if got, _, err := b.Store.Read(t.Context(), row.OrderID); err != nil || got.Status != contracts.Committed || got.Payment.IntentID != "pi_1" {
				t.Errorf("the row is %+v, %v", got, err)
			}
			// Repeated, after an answer that was lost, it meets its own row.
			if err := b.Store.Commit(t.Context(), row, committed(t, row)); !errors.Is(err, retry.ErrMoved) {
				t.Errorf("again: %v", err)
			}
		},
		"a commit of a taken seat writes nothing": func(t *testing.T, b Backend) {
			g := group()
			row := HeldOrder(Placed(g, "A-1-1", "A-1-2", "A-1-3"))
			put(t, b, row)
			b.PutTicket(g, "A-1-2", "other")
			var taken *order.SeatsTakenError
			err := b.Store.Commit(t.Context(), row, committed(t, row))
			if !errors.As(err, &taken) || errors.Is(err, retry.ErrMoved) || !slices.Equal(taken.Seats, []string{"A-1-2"}) {
				t.Fatalf("commit returns %v", err)
			}
			owners(t, b, g, map[string]contracts.OrderID{"A-1-2": "other"})
			if got, _, err := b.Store.Read(t.Context(), row.OrderID); err != nil || got.Status != contracts.Held {
				t.Errorf("the row is %s, %v", got.Status, err)
			}
		},
		"a commit from an old row writes nothing": func(t *testing.T, b Backend) {
			g := group()
			row := HeldOrder(Placed(g, "A-1-1"))
			put(t, b, row)
			if err := b.Store.Update(t.Context(), row, expired(t, row)); err != nil {
				t.Fatalf("update: %v", err)
			}
			if err := b.Store.Commit(t.Context(), row, committed(t, row)); !errors.Is(err, retry.ErrMoved) {
				t.Fatalf("got %v", err)
			}
			owners(t, b, g, map[string]contracts.OrderID{})
		},
		"of 16 orders for one seat exactly one owns it": func(t *testing.T, b Backend) {
			g := group()
			var rows []order.Order
			for range 16 {
				row := HeldOrder(Placed(g, "A-1-1"))
				put(t, b, row)
				rows = append(rows, row)
			}
			var mu sync.Mutex
			var winners []contracts.OrderID
			var all sync.WaitGroup
			for _, row := range rows {
				all.Go(func() {
					err := b.Store.Commit(t.Context(), row, committed(t, row))
					mu.Lock()
					defer mu.Unlock()
					var taken *order.SeatsTakenError
					switch {
					case err == nil:
						winners = append(winners, row.OrderID)
					case !errors.As(err, &taken):
						t.Error(err)
					}
				})
			}
			all.Wait()
			if len(winners) != 1 {
				t.Fatalf("%v own the seat", winners)
			}
			owners(t, b, g, map[string]contracts.OrderID{"A-1-1": winners[0]})
		},
		"a revoked order loses its tickets and gets its allowance back": func(t *testing.T, b Backend) {
			g := group()
			row := HeldOrder(Placed(g, "A-1-1", "A-1-2"))
			row.UserID, row.Counted = "revoked-"+string(row.OrderID), 2
			put(t, b, row)
			sold := committed(t, row)
			if err := b.Store.Commit(t.Context(), row, sold); err != nil {
				t.Fatalf("commit: %v", err)
			}
			revoked, err := sold.Revoke(paid)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Store.Withdraw(t.Context(), sold, revoked); err != nil {
				t.Fatalf("withdraw: %v", err)
			}
			owners(t, b, g, map[string]contracts.OrderID{})
			if n, err := b.Store.Allowance(t.Context(), g.ConcertID, row.UserID); err != nil || n != 0 {
				t.Errorf("%d seats are counted, %v", n, err)
			}
			if err := b.Store.Withdraw(t.Context(), sold, revoked); !errors.Is(err, retry.ErrMoved) {
				t.Errorf("again: %v", err)
			}
			wantRevoked(t, b, sold, revoked)
		},
		"a re-keyed ticket's former code is revoked with the row, and by no write that is refused": func(t *testing.T, b Backend) {
			row := committed(t, HeldOrder(Placed(group(), "A-1-1", "A-1-2")))
			put(t, b, row)
			confirmed, err := row.Confirm(paid)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Store.Update(t.Context(), row, confirmed); err != nil {
				t.Fatal(err)
			}
			if revoked := b.Revoked(row.ConcertID, row.OrderID); len(revoked) != 0 {
				t.Errorf("valid codes are revoked: %v", revoked)
			}
			rekeyed, err := confirmed.Rekey("A-1-2")
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Store.Update(t.Context(), row, rekeyed); !errors.Is(err, retry.ErrMoved) {
				t.Errorf("from an older version: %v", err)
			}
			if revoked := b.Revoked(row.ConcertID, row.OrderID); len(revoked) != 0 {
				t.Errorf("a refused write revoked %v", revoked)
			}
			if err := b.Store.Update(t.Context(), confirmed, rekeyed); err != nil {
				t.Fatal(err)
			}
			wantRevoked(t, b, confirmed, rekeyed)
			if read, found, err := b.Store.Read(t.Context(), row.OrderID); err != nil || !found || read.KeyNumbers["A-1-2"] != 1 || len(read.KeyNumbers) != 1 {
				t.Errorf("key numbers are %v, %v", read.KeyNumbers, err)
			}
		},
		"a withdrawal never deletes another order's ticket": func(t *testing.T, b Backend) {
			g := group()
			row := committed(t, HeldOrder(Placed(g, "A-1-1")))
			put(t, b, row)
			b.PutTicket(g, "A-1-1", "other")
			revoked, err := row.Revoke(paid)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Store.Withdraw(t.Context(), row, revoked); !errors.Is(err, retry.ErrMoved) {
				t.Errorf("got %v", err)
			}
			owners(t, b, g, map[string]contracts.OrderID{"A-1-1": "other"})
			if revoked := b.Revoked(row.ConcertID, row.OrderID); len(revoked) != 0 {
				t.Errorf("a refused withdrawal revoked %v", revoked)
			}
		},
	}
}

// wantRevoked checks that a write has revoked exactly the codes that the row has lost by it.
func wantRevoked(t *testing.T, b Backend, before, after order.Order) {
	t.Helper()
	want, found := ticketcode.RevocationOf(before.Order, after.Order)
	if got := b.Revoked(after.ConcertID, after.OrderID); !found || !reflect.DeepEqual(got, []readmodel.Revocation{want}) {
		t.Errorf("revoked is %v, want %v", got, want)
	}
}
