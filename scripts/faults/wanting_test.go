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

// wanting is a buyer with an order for seats of a concert.
type wanting struct {
	*apiclient.Client
	s       *stack
	user    string
	request apiclient.OrderRequest
	id      contracts.OrderID
}

func (s *stack) wanting(concert string, seats ...string) *wanting {
	s.t.Helper()
	w := &wanting{s: s, user: testbed.Named("buyer"), request: apiclient.OrderRequest{ConcertID: concert, Seats: seats}}
	var err error
	if w.Client, err = s.Buyer(w.user); err != nil {
		s.t.Fatal(err)
	}
	return w
}

func (w *wanting) place(l *ledger) {
	w.s.t.Helper()
	id, ok := l.note(w.Place(w.s.t.Context(), "key-1", w.request))
	if !ok {
		w.s.t.Fatalf("order for %v was not accepted: %v", w.request.Seats, l.refused)
	}
	w.id = id
}

func (w *wanting) cancel() {
	w.s.t.Helper()
	answer, err := w.Do(w.s.t.Context(), http.MethodDelete, "/orders/"+string(w.id), nil, nil)
	if err != nil || answer.Status != http.StatusAccepted {
		w.s.t.Fatalf("DELETE answers %d %s %v", answer.Status, answer.Body, err)
	}
}

func (w *wanting) is(status contracts.Status) readmodel.Order {
	w.s.t.Helper()
	return w.s.row(w.id, decideWithin, in(status))
}

// next is another buyer who holds the same seats as soon as they are free.
func (w *wanting) next(l *ledger) *wanting {
	w.s.t.Helper()
	other := w.s.wanting(w.request.ConcertID, w.request.Seats...)
	eventually(w.s.t, decideWithin, func() error {
		answer, err := other.Place(w.s.t.Context(), "key-1", other.request)
		if err == nil && answer.Status == http.StatusConflict {
			return fmt.Errorf("%v: %s", other.request.Seats, answer.Problem().Code)
		}
		id, ok := l.note(answer, err)
		if !ok {
			w.s.t.Fatalf("order for %v was not accepted: %v", other.request.Seats, l.refused)
		}
		other.id = id
		return nil
	})
	other.is(contracts.Held)
	return other
}

// wentAs holds a row to the statuses that it went through, but for AWAITING_PAYMENT: how far its payment got is not what
// these tests are about. Anything that a late writer wrote shows here.
func (w *wanting) wentAs(statuses ...contracts.Status) {
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
