package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stripe/stripe-go/v76"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// failCaptures makes captures of an order fail, with a fault of the Stripe double.
func (s *stack) failCaptures(t *testing.T, order, fault string) {
	t.Helper()
	rule := fmt.Sprintf(`{"method":"POST","path":"/capture$","order":%q,%s}`, order, fault)
	if err := s.Double(t.Context(), http.MethodPost, "/double/faults", rule, nil); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) waitRowStatus(t *testing.T, id string, status contracts.Status) (row readmodel.Order) {
	t.Helper()
	eventually(t, decideWithin, func() (bool, string) {
		row, _ = s.row(t, id)
		return row.Status == status, fmt.Sprintf("order %s is %s, want %s", id, row.Status, status)
	})
	return row
}

// The bank withdraws an authorisation between commit and capture. Nothing is charged, the order is REVOKED, its tickets are
// withdrawn and the seats become available. Not parallel, because its end removes every fault.
func TestAuthorisationLostBeforeCaptureRevokesTheOrder(t *testing.T) {
	s := requireStack(t)
	anna, seats := s.signedIn(t, testbed.Named("anna")), s.takeSeats(t, 2)
	order := s.placePayable(t, anna, "key-1", seats...)
	s.failCaptures(t, order.OrderID, `"kind":"error","status":429`)
	clearFaults := func() {
		t.Helper()
		if err := s.Double(context.WithoutCancel(t.Context()), http.MethodDelete, "/double/faults", "", nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(clearFaults)
	s.pay(t, order, "pm_card_visa")
	row := s.waitRowStatus(t, order.OrderID, contracts.Committed)
	if answer := s.cancel(t, anna, order.OrderID); answer.Status != http.StatusConflict || answer.Problem().Code != "order_paid" {
		t.Errorf("DELETE of a committed order: %d %s", answer.Status, answer.Body)
	}
	if err := s.Double(t.Context(), http.MethodPost, "/double/payment_intents/"+row.Payment.IntentID+"/lose", "{}", nil); err != nil {
		t.Fatal(err)
	}
	clearFaults()
	revoked := s.waitEnded(t, anna, order.OrderID)
	wantStatus(t, revoked, contracts.Revoked)
	if got := timelineOf(revoked); got != "QUEUED HELD AWAITING_PAYMENT COMMITTED REVOKED" || len(revoked.Tickets) > 0 {
		t.Errorf("timeline is %s, tickets %+v", got, revoked.Tickets)
	}
	s.waitIntentStatus(t, row.Payment.IntentID, stripe.PaymentIntentStatusCanceled)
	s.waitRevoked(t, anna, row)
	eventually(t, decideWithin, func() (bool, string) {
		return s.seatState(t, seats[0]) == seatstate.Free && s.seatState(t, seats[1]) == seatstate.Free, "the seats are not free again"
	})
	ben := s.signedIn(t, testbed.Named("ben"))
	next := s.placePayable(t, ben, "key-1", seats...)
	s.pay(t, next, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, ben, next.OrderID), contracts.Confirmed)
	s.waitConsistent(t, order.OrderID, next.OrderID)
}

// A capture with an unknown result keeps the seats: it is repeated until the result is known, and charges once.
func TestUnknownCaptureIsRepeated(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	for name, fault := range map[string]string{
		"done, response lost":    `"kind":"lost","times":1`,
		"done, 500 for ever":     `"kind":"error","status":500,"effect":true,"times":1`,
		"not done, 500 for ever": `"kind":"error","status":500,"times":1`,
		"too many requests":      `"kind":"error","status":429,"times":2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			anna := s.signedIn(t, testbed.Named("anna"))
			order := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
			s.failCaptures(t, order.OrderID, fault)
			s.pay(t, order, "pm_card_visa")
			paid := s.waitFor(t, anna, order.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status.Settled() })
			wantStatus(t, paid, contracts.Confirmed)
			s.checkFaultsHappened(t, order.OrderID)
			s.waitConsistent(t, order.OrderID)
		})
	}
}

// checkFaultsHappened checks that the faults of an order have happened as often as they should.
func (s *stack) checkFaultsHappened(t *testing.T, order string) {
	t.Helper()
	var rules struct {
		Faults []struct {
			Order       string
			Times, Left int
		}
	}
	if err := s.Double(t.Context(), http.MethodGet, "/double/faults", "", &rules); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, rule := range rules.Faults {
		if rule.Order == order {
			found = true
			if rule.Times == 0 || rule.Left != 0 {
				t.Errorf("of %d faults %d have not happened", rule.Times, rule.Left)
			}
		}
	}
	if !found {
		t.Error("there is no fault for the order")
	}
}
