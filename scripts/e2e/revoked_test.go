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

// captures lets captures of an order fail in a way of the double's.
func (s *stack) captures(t *testing.T, order, fault string) {
	t.Helper()
	rule := fmt.Sprintf(`{"method":"POST","path":"/capture$","order":%q,%s}`, order, fault)
	if err := s.Double(t.Context(), http.MethodPost, "/double/faults", rule, nil); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) becomes(t *testing.T, id string, status contracts.Status) (row readmodel.Order) {
	t.Helper()
	eventually(t, decideWithin, func() (bool, string) {
		row, _ = s.row(t, id)
		return row.Status == status, fmt.Sprintf("order %s is %s, want %s", id, row.Status, status)
	})
	return row
}

// The bank takes its word back between the commit and the capture. Nothing is charged, the order is REVOKED, its tickets
// are withdrawn and somebody else may buy the seats. Not parallel: its end clears every fault.
func TestAnAuthorisationIsLostBeforeItsCapture(t *testing.T) {
	s := theStack(t)
	anna, seats := s.as(t, testbed.Named("anna")), s.seats(t, 2)
	order := s.awaiting(t, anna, "key-1", seats...)
	s.captures(t, order.OrderID, `"kind":"error","status":429`)
	letGo := func() {
		t.Helper()
		if err := s.Double(context.WithoutCancel(t.Context()), http.MethodDelete, "/double/faults", "", nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(letGo)
	s.pay(t, order, "pm_card_visa")
	row := s.becomes(t, order.OrderID, contracts.Committed)
	if answer := s.cancel(t, anna, order.OrderID); answer.Status != http.StatusConflict || answer.Problem().Code != "order_paid" {
		t.Errorf("DELETE of a committed order: %d %s", answer.Status, answer.Body)
	}
	if err := s.Double(t.Context(), http.MethodPost, "/double/payment_intents/"+row.Payment.IntentID+"/lose", "{}", nil); err != nil {
		t.Fatal(err)
	}
	letGo()
	revoked := s.settled(t, anna, order.OrderID)
	wantStatus(t, revoked, contracts.Revoked)
	if got := statuses(revoked); got != "QUEUED HELD AWAITING_PAYMENT COMMITTED REVOKED" || len(revoked.Tickets) > 0 {
		t.Errorf("timeline is %s, tickets %+v", got, revoked.Tickets)
	}
	s.intentIs(t, row.Payment.IntentID, stripe.PaymentIntentStatusCanceled)
	eventually(t, decideWithin, func() (bool, string) {
		return s.stateOf(t, seats[0]) == seatstate.Free && s.stateOf(t, seats[1]) == seatstate.Free, "the seats are not free again"
	})
	ben := s.as(t, testbed.Named("ben"))
	next := s.awaiting(t, ben, "key-1", seats...)
	s.pay(t, next, "pm_card_visa")
	wantStatus(t, s.settled(t, ben, next.OrderID), contracts.Confirmed)
	s.agrees(t, order.OrderID, next.OrderID)
}

// A capture whose answer is not known keeps the seats: it is asked again until it is known, and charged once.
func TestACaptureThatIsNotKnownIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	for name, fault := range map[string]string{
		"done, answer lost":           `"kind":"lost","times":1`,
		"done, answered 500 for ever": `"kind":"error","status":500,"effect":true,"times":1`,
		"not done, 500 for ever":      `"kind":"error","status":500,"times":1`,
		"too many requests":           `"kind":"error","status":429,"times":2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			anna := s.as(t, testbed.Named("anna"))
			order := s.awaiting(t, anna, "key-1", s.seats(t, 1)...)
			s.captures(t, order.OrderID, fault)
			s.pay(t, order, "pm_card_visa")
			paid := s.waitFor(t, anna, order.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status.Settled() })
			wantStatus(t, paid, contracts.Confirmed)
			s.wentWrong(t, order.OrderID)
			s.agrees(t, order.OrderID)
		})
	}
}

// wentWrong wants the faults of an order to have happened, as often as they were to.
func (s *stack) wentWrong(t *testing.T, order string) {
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
		t.Error("there was no fault")
	}
}
