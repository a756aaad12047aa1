package ordertest

import (
	"reflect"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// unknownPaths are where a newer version of the program may note something in a row.
var unknownPaths = []string{"newer", "payment.newer", "history[0].newer"}

// unknownTests are the promises to a newer version of the program that writes the same rows while it is rolled out: what it
// noted stays, whatever this version does to the row, and what this version removes is removed all the same.
func unknownTests(group func() contracts.SeatGroup) map[string]func(t *testing.T, b Backend) {
	read := func(t *testing.T, b Backend, id contracts.OrderID) order.Order {
		t.Helper()
		o, found, err := b.Store.Read(t.Context(), id)
		if err != nil || !found {
			t.Fatalf("read: found %v, %v", found, err)
		}
		return o
	}
	// awaiting is a stored row that awaits payment, with an attribute at each of the paths.
	awaiting := func(t *testing.T, b Backend, first order.Order) order.Order {
		t.Helper()
		put(t, b, first)
		next, err := first.AwaitPayment("pi_1", "pi_1_secret", paid)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Store.Update(t.Context(), first, next); err != nil {
			t.Fatalf("update: %v", err)
		}
		for _, path := range unknownPaths {
			b.SetUnknown(first.OrderID, path, "v "+path)
		}
		return read(t, b, first.OrderID)
	}
	// kept wants the row to be after, and the attributes to be there.
	kept := func(t *testing.T, b Backend, after order.Order) order.Order {
		t.Helper()
		got := read(t, b, after.OrderID)
		for _, path := range unknownPaths {
			if v := b.Unknown(after.OrderID, path); v != "v "+path {
				t.Errorf("%s at version %d has %q at %s", after.Status, got.Version, v, path)
			}
		}
		if !reflect.DeepEqual(got.Order, after.Order) {
			t.Errorf("got %+v, want %+v", got.Order, after.Order)
		}
		return got
	}
	must := func(t *testing.T, o order.Order, err error) order.Order {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	updated := func(t *testing.T, b Backend, before, after order.Order) order.Order {
		t.Helper()
		if err := b.Store.Update(t.Context(), before, after); err != nil {
			t.Fatalf("update to %s: %v", after.Status, err)
		}
		return kept(t, b, after)
	}
	return map[string]func(t *testing.T, b Backend){
		"what a newer version noted stays from the payment to the revoked order": func(t *testing.T, b Backend) {
			o := awaiting(t, b, HeldBy(group(), "newer", 8, "A-1", "A-2"))
			next, err := o.NoteDecline(readmodel.PaymentError{EventID: "evt_1", At: 5, Code: "card_declined"})
			o = updated(t, b, o, must(t, next, err))
			sold := committed(t, o)
			if err := b.Store.Commit(t.Context(), o, sold); err != nil {
				t.Fatalf("commit: %v", err)
			}
			o = kept(t, b, sold)
			o = updated(t, b, o, o.NextAttempt(order.StepCapture))
			next, err = o.Revoke(paid)
			revoked := must(t, next, err)
			if err := b.Store.Withdraw(t.Context(), o, revoked); err != nil {
				t.Fatalf("withdraw: %v", err)
			}
			kept(t, b, revoked)
		},
		"what a newer version noted stays in an order that ends": func(t *testing.T, b Backend) {
			// With and without an allowance, which are different writes.
			for _, first := range []order.Order{HeldOrder(Placed(group(), "A-1")), HeldBy(group(), "newer", 8, "A-1")} {
				o := awaiting(t, b, first)
				updated(t, b, o, expired(t, o))
			}
		},
		"what a newer version noted stays in an order that lost a seat": func(t *testing.T, b Backend) {
			o := awaiting(t, b, HeldBy(group(), "newer", 8, "A-1", "A-2"))
			b.PutTicket(o.SeatGroup(), "A-2", "other")
			next, err := o.Reject(contracts.ReasonSeatLost, []string{"A-2"}, paid)
			lost := must(t, next, err)
			if err := b.Store.RejectLost(t.Context(), o, lost, "A-2"); err != nil {
				t.Fatalf("reject: %v", err)
			}
			kept(t, b, lost)
		},
		"what a newer version noted stays whichever way the row was read": func(t *testing.T, b Backend) {
			first := HeldOrder(Placed(group(), "A-1"))
			o := awaiting(t, b, first)
			refused := b.Store.PutAll(t.Context(), []order.Order{first})[0]
			if refused.Outcome != order.PutRefused {
				t.Fatalf("put: %+v", refused)
			}
			o = updated(t, b, refused.Stored, o.NextAttempt(order.StepOpen))
			rows, err := b.Store.ReadMany(t.Context(), []contracts.OrderID{first.OrderID})
			if err != nil || len(rows) != 1 {
				t.Fatalf("read: %v, %v", rows, err)
			}
			updated(t, b, rows[0], expired(t, o))
		},
	}
}
