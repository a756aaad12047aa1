package faults

import (
	"fmt"
	"net/http"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// testBuyer is a buyer with an order for seats of a concert.
type testBuyer struct {
	*apiclient.Client
	s       *stack
	user    string
	request apiclient.OrderRequest
	id      contracts.OrderID
}

func (s *stack) newBuyer(concert string, seats ...string) *testBuyer {
	s.t.Helper()
	w := &testBuyer{s: s, user: testbed.Named("buyer"), request: apiclient.OrderRequest{ConcertID: concert, Seats: seats}}
	var err error
	if w.Client, err = s.Buyer(w.user); err != nil {
		s.t.Fatal(err)
	}
	return w
}

func (w *testBuyer) place(l *ledger) {
	w.s.t.Helper()
	id, ok := l.record(w.Place(w.s.t.Context(), "key-1", w.request))
	if !ok {
		w.s.t.Fatalf("order for %v was not accepted: %v", w.request.Seats, l.refused)
	}
	w.id = id
}

func (w *testBuyer) cancel() {
	w.s.t.Helper()
	answer, err := w.Do(w.s.t.Context(), http.MethodDelete, "/orders/"+string(w.id), nil, nil)
	if err != nil || answer.Status != http.StatusAccepted {
		w.s.t.Fatalf("DELETE returned %d %s %v", answer.Status, answer.Body, err)
	}
}

func (w *testBuyer) waitStatus(status contracts.Status) readmodel.Order {
	w.s.t.Helper()
	return w.s.waitForRow(w.id, decideWithin, hasStatus(status))
}

// nextHolder returns another buyer, who has held the same seats as soon as they were free.
func (w *testBuyer) nextHolder(l *ledger) *testBuyer {
	w.s.t.Helper()
	other := w.s.newBuyer(w.request.ConcertID, w.request.Seats...)
	eventually(w.s.t, decideWithin, func() error {
		answer, err := other.Place(w.s.t.Context(), "key-1", other.request)
		if err == nil && answer.Status == http.StatusConflict {
			return fmt.Errorf("%v: %s", other.request.Seats, answer.Problem().Code)
		}
		id, ok := l.record(answer, err)
		if !ok {
			w.s.t.Fatalf("order for %v was not accepted: %v", other.request.Seats, l.refused)
		}
		other.id = id
		return nil
	})
	other.waitStatus(contracts.Held)
	return other
}

// checkHistory checks the statuses of a row's history, except AWAITING_PAYMENT: how far the payment got does not matter in these
// tests. It would show anything that a late writer wrote.
func (w *testBuyer) checkHistory(statuses ...contracts.Status) {
	w.s.t.Helper()
	row, _, err := w.s.Order(w.s.t.Context(), w.id)
	if err != nil {
		w.s.t.Fatal(err)
	}
	var got []contracts.Status
	for _, h := range row.History {
		if h.Status != contracts.AwaitingPayment {
			got = append(got, h.Status)
		}
	}
	if !slices.Equal(got, statuses) || row.Version != len(row.History) {
		w.s.t.Errorf("order %s is %s at version %d and went through %v, want %v", w.id, row.Status, row.Version, got, statuses)
	}
}
