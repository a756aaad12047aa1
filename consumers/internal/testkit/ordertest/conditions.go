package ordertest

import (
	"boxoffice/consumers/internal/retry"
	"context"
	"errors"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// write is a way to write the next version of a row.
type write struct {
	name string
	do   func(ctx context.Context, s Store, before order.Order) error
}

// writes are all of them. Each is made from the row that the caller believes in.
func writes(t *testing.T) []write {
	must := func(o order.Order, err error) order.Order {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	return []write{
		{"update", func(ctx context.Context, s Store, o order.Order) error {
			return s.Update(ctx, o, o.NextAttempt(order.StepOpen))
		}},
		{"update that counts", func(ctx context.Context, s Store, o order.Order) error {
			return s.Update(ctx, o, expired(t, o))
		}},
		{"commit", func(ctx context.Context, s Store, o order.Order) error {
			return s.Commit(ctx, o, committed(t, o))
		}},
		{"reject for a lost seat", func(ctx context.Context, s Store, o order.Order) error {
			return s.RejectLost(ctx, o, must(o.Reject(contracts.ReasonSeatLost, nil, paid)), "A-9")
		}},
		{"withdraw", func(ctx context.Context, s Store, o order.Order) error {
			o.Seats = []string{"A-8"}
			next := o
			next.Version++
			next.Counted = 0
			return s.Withdraw(ctx, o, next)
		}},
	}
}

// conditionTests are the two conditions of every write of a next version. Either alone would do most of the time: a version
// is written once, and most writes change the status.
func conditionTests(group func() contracts.SeatGroup) map[string]func(t *testing.T, b Backend) {
	refused := func(t *testing.T, b Backend, stored, before order.Order) {
		t.Helper()
		b.PutTicket(stored.SeatGroup(), "A-9", "another")
		b.PutTicket(stored.SeatGroup(), "A-8", stored.OrderID)
		for _, w := range writes(t) {
			if err := w.do(t.Context(), b.Store, before); !errors.Is(err, retry.ErrMoved) {
				t.Errorf("%s returns %v, want ErrMoved", w.name, err)
			}
			got, _, err := b.Store.Read(t.Context(), stored.OrderID)
			if err != nil || got.Version != stored.Version || got.Status != stored.Status {
				t.Errorf("%s: the row is %s at version %d, %v; it was %s at %d", w.name, got.Status, got.Version, err, stored.Status, stored.Version)
			}
			if n, err := b.Store.Allowance(t.Context(), stored.ConcertID, stored.UserID); n != stored.Counted || err != nil {
				t.Errorf("%s: %d seats are counted, want %d (%v)", w.name, n, stored.Counted, err)
			}
		}
		owners(t, b, stored.SeatGroup(), map[string]contracts.OrderID{"A-9": "another", "A-8": stored.OrderID})
	}
	return map[string]func(t *testing.T, b Backend){
		// The row has moved on in the same status, as by a note of a refused card.
		"every write of a next version needs the version that it was made from": func(t *testing.T, b Backend) {
			before := HeldBy(group(), "ann", 8, "A-1")
			put(t, b, before)
			stored := before.NextAttempt(order.StepOpen)
			if err := b.Store.Update(t.Context(), before, stored); err != nil {
				t.Fatalf("update: %v", err)
			}
			refused(t, b, stored, before)
		},
		// Of two first versions of an order one is stored. They have the same number.
		"every write of a next version needs the status that it was made from": func(t *testing.T, b Backend) {
			m := Placed(group(), "A-1")
			m.UserID = "ann"
			stored := order.NewRejected(m, "1", contracts.ReasonSeatTaken, nil, paid)
			put(t, b, stored)
			before := HeldOrder(m)
			before.Counted = 1
			refused(t, b, stored, before)
		},
	}
}
