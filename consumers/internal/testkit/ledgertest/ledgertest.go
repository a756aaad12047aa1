// Package ledgertest is the conformance suite of the stores of the ledger check, in memory and on a DynamoDB server.
package ledgertest

import (
	"context"
	"testing"

	"boxoffice/contracts/readmodel"
)

// Store has the ports of pay and reconcile for the ledger check.
type Store interface {
	Known(ctx context.Context, key string) (bool, error)
	Note(ctx context.Context, n readmodel.LedgerNote) error
	Cursor(ctx context.Context) (readmodel.LedgerCursor, error)
	MoveCursor(ctx context.Context, to readmodel.LedgerCursor) error
}

// Exercise runs the suite. open makes an empty Store.
func Exercise(t *testing.T, open func(t *testing.T) Store) {
	for name, check := range map[string]func(t *testing.T, s Store){
		"a difference is known once it is noted, and no other is": func(t *testing.T, s Store) {
			key := readmodel.DifferenceKey("pi_1", "refunded_otherwise", 2000)
			known(t, s, key, false)
			note := readmodel.LedgerNote{MessageKey: key, OrderID: "e1", PaymentIntentID: "pi_1", Reason: "refunded_otherwise", At: 5, ExpiresAt: 4_000_000_000}
			for range 2 {
				if err := s.Note(t.Context(), note); err != nil {
					t.Fatal(err)
				}
				known(t, s, key, true)
			}
			known(t, s, readmodel.DifferenceKey("pi_1", "refunded_otherwise", 2001), false)
			known(t, s, readmodel.DifferenceKey("pi_1", "disputed", 2000), false)
			known(t, s, readmodel.DifferenceKey("pi_2", "refunded_otherwise", 2000), false)
		},
		"a difference without an order is noted too": func(t *testing.T, s Store) {
			key := readmodel.DifferenceKey("pi_1", "no_row", 0)
			if err := s.Note(t.Context(), readmodel.LedgerNote{MessageKey: key, PaymentIntentID: "pi_1", Reason: "no_row", At: 5, ExpiresAt: 4_000_000_000}); err != nil {
				t.Fatal(err)
			}
			known(t, s, key, true)
		},
		"the cursor is zero before it is moved, and is never moved back": func(t *testing.T, s Store) {
			cursor(t, s, readmodel.LedgerCursor{})
			for _, to := range []readmodel.LedgerCursor{
				{MessageKey: readmodel.LedgerCursorKey, SlicesTo: 300_000, DayAt: 1},
				{MessageKey: readmodel.LedgerCursorKey, SlicesTo: 300_000, DayAt: 1, WeekAt: 2},
				{MessageKey: readmodel.LedgerCursorKey, SlicesTo: 900_000, DayAt: 3, WeekAt: 2},
			} {
				if err := s.MoveCursor(t.Context(), to); err != nil {
					t.Fatal(err)
				}
				cursor(t, s, to)
			}
			// A run that hangs and ends after the next one.
			if err := s.MoveCursor(t.Context(), readmodel.LedgerCursor{MessageKey: readmodel.LedgerCursorKey, SlicesTo: 600_000, DayAt: 9, WeekAt: 9}); err != nil {
				t.Errorf("back: %v", err)
			}
			cursor(t, s, readmodel.LedgerCursor{MessageKey: readmodel.LedgerCursorKey, SlicesTo: 900_000, DayAt: 3, WeekAt: 2})
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

func known(t *testing.T, s Store, key string, want bool) {
	t.Helper()
	if got, err := s.Known(t.Context(), key); err != nil || got != want {
		t.Errorf("%s is known: %v, %v; want %v", key, got, err, want)
	}
}

func cursor(t *testing.T, s Store, want readmodel.LedgerCursor) {
	t.Helper()
	if got, err := s.Cursor(t.Context()); err != nil || got != want {
		t.Errorf("the cursor is %+v, %v; want %+v", got, err, want)
	}
}
