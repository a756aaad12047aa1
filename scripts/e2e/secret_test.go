package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/testbed"
)

// The secret of a payment is in the row while the order awaits payment, and in the answer to its buyer. It leaves the row with that
// status, and it is in no event, letter or log, which also has the metrics. Poll refuses an event with members that are not allowed.
func TestTheClientSecretLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	events := s.SubscribeFor(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	paid := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	cancelled := s.placePayable(t, anna, "key-2", s.takeSeats(t, 1)...)
	secrets := map[string]string{paid.OrderID: paid.Payment.ClientSecret, cancelled.OrderID: cancelled.Payment.ClientSecret}
	s.pay(t, paid, "pm_card_visa")
	s.cancel(t, anna, cancelled.OrderID)
	wantStatus(t, s.waitEnded(t, anna, paid.OrderID), contracts.Confirmed)
	wantStatus(t, s.waitEnded(t, anna, cancelled.OrderID), contracts.Cancelled)
	eventually(t, decideWithin, func() (bool, string) {
		if err := events.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		return events.Seen(paid.OrderID+".4") == "OrderConfirmed" && events.Seen(cancelled.OrderID+".3") == "OrderCancelled", "the last events are missing"
	})
	for id, secret := range secrets {
		row, found := s.row(t, id)
		if !found || row.Payment == nil || row.Payment.ClientSecret != "" {
			t.Errorf("the row of %s is %+v", id, row.Payment)
		}
		_, answer, err := anna.Order(t.Context(), id)
		if err != nil || strings.Contains(string(answer.Body), secret) {
			t.Errorf("the answer about %s has the secret, or %v", id, err)
		}
	}
	letters, err := s.DeadLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(letters)
	if err != nil {
		t.Fatal(err)
	}
	texts := s.logs(t)
	texts["the table of letters"] = string(kept)
	ordered := false
	for name, text := range texts {
		ordered = ordered || strings.Contains(text, paid.OrderID)
		for id, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s has the secret of %s", name, id)
			}
		}
	}
	if !ordered {
		t.Error("no log names the order: these are not the logs of this stack")
	}
}
