package queries_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
)

const clientSecret = "pi_1_secret_2"

// paid is a row with everything that payment leaves in one, whatever its status: what is shown must not depend on what a step has
// cleared.
func paid(status contracts.Status) *readmodel.Order {
	row := &readmodel.Order{
		OrderID: id, UserID: "anna", ConcertID: "c", Group: "g", Seats: []string{"A-1", "A-2"}, Status: status, Version: 3,
		AcceptedAt: 1000, HeldAt: 1100, HoldExpiresAt: 301_000, Amount: &contracts.Money{Minor: 100, Currency: "EUR"},
		Payment: &readmodel.Payment{
			IntentID: "pi_1", ClientSecret: clientSecret, CaptureAttempt: 1,
			Card:      &readmodel.Card{Brand: "visa", Last4: "4242"},
			LastError: &readmodel.PaymentError{EventID: "evt_1", At: 1300, Code: "insufficient_funds", Message: "No funds."},
		},
		History: []readmodel.HistoryEntry{{Status: contracts.Held, Version: 1, At: 1100, Cause: "PlaceOrder", MessageID: "m"}},
	}
	if status != contracts.Held {
		row.History = append(row.History, readmodel.HistoryEntry{Status: status, Version: 2, At: 1200, Cause: "c", MessageID: "m"})
	}
	switch status {
	case contracts.Rejected:
		row.Reason = &readmodel.Reason{Code: contracts.ReasonPaymentMismatch}
	case contracts.Revoked:
		row.Reason = &readmodel.Reason{Code: contracts.ReasonAuthorizationGone, Seats: row.Seats}
	}
	return row
}

// view is the part of an order that is about payment.
type view struct {
	Reason *struct {
		Code, Detail string
		Seats        []string
	}
	Payment json.RawMessage
	Tickets []struct{ ID, Seat, Status string }
}

func viewed(t *testing.T, row *readmodel.Order) (view, httpapi.Response) {
	t.Helper()
	response := get(t, rows{row: row}, "anna", string(id))
	var v view
	if err := json.Unmarshal([]byte(response.Body), &v); err != nil {
		t.Fatal(err)
	}
	return v, response
}

// The secret and the publishable key are shown while the order awaits payment and in no other status; so is the last error. The card
// is shown from CONFIRMED on. Nothing else of Stripe's in the row is ever shown.
func TestPaymentIsShownWhileOrderAwaitsIt(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		v, response := viewed(t, paid(status))
		want := ""
		if status == contracts.AwaitingPayment {
			want = `{"clientSecret":"pi_1_secret_2","publishableKey":"pk_test_1","lastError":{"code":"insufficient_funds","message":"No funds."}}`
		}
		if status == contracts.Confirmed || status == contracts.Refunded {
			want = `{"card":{"brand":"visa","last4":"4242"}}`
		}
		if string(v.Payment) != want {
			t.Errorf("%s: payment is %s, want %s", status, v.Payment, want)
		}
		rest := strings.Replace(response.Body, want, "", 1)
		for _, inside := range []string{clientSecret, "pk_test_1", "pi_1", "evt_1", "insufficient_funds", "No funds.", "visa", "4242"} {
			if strings.Contains(rest, inside) {
				t.Errorf("%s: %s is in %s", status, inside, rest)
			}
		}
	}
}

func TestPaymentWithoutErrorShowsNone(t *testing.T) {
	row := paid(contracts.AwaitingPayment)
	row.Payment.LastError = nil
	if v, _ := viewed(t, row); string(v.Payment) != `{"clientSecret":"pi_1_secret_2","publishableKey":"pk_test_1"}` {
		t.Errorf("payment is %s", v.Payment)
	}
}

// A row of another buyer shows no secret to a client that has the order's id.
func TestSecretIsShownToBuyerOnly(t *testing.T) {
	row := paid(contracts.AwaitingPayment)
	row.UserID = "ben"
	if response := get(t, rows{row: row}, "anna", string(id)); response.StatusCode != 404 || strings.Contains(response.Body, clientSecret) {
		t.Errorf("got %d %s", response.StatusCode, response.Body)
	}
}

func TestTicketsAreShownOnceConfirmed(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		v, _ := viewed(t, paid(status))
		if status != contracts.Confirmed {
			if v.Tickets != nil {
				t.Errorf("%s: tickets %+v", status, v.Tickets)
			}
			continue
		}
		var seats []string
		for _, ticket := range v.Tickets {
			seats = append(seats, ticket.Seat)
			if ticket.ID != string(contracts.TicketIDOf(id, ticket.Seat)) || ticket.Status != "VALID" {
				t.Errorf("ticket %+v", ticket)
			}
		}
		if !slices.Equal(seats, []string{"A-1", "A-2"}) {
			t.Errorf("tickets for %v", seats)
		}
	}
}

func TestRevokedOrderSaysWhy(t *testing.T) {
	v, _ := viewed(t, paid(contracts.Revoked))
	if r := v.Reason; r == nil || r.Code != "authorization_gone" || !strings.Contains(r.Detail, "withdrawn") || !slices.Equal(r.Seats, []string{"A-1", "A-2"}) {
		t.Errorf("reason %+v", v.Reason)
	}
}

// A buyer whose payment was cancelled at Stripe is told so, and is shown no form that cannot succeed. Each reason that a row may
// have is in the contract.
func TestRejectedOrderSaysWhy(t *testing.T) {
	contract, path := contracttest.New(t), "/api/orders/"+string(id)
	for _, reason := range contracts.Reasons() {
		row := paid(contracts.Rejected)
		row.Reason = &readmodel.Reason{Code: reason}
		v, response := viewed(t, row)
		if v.Reason == nil || v.Reason.Code != string(reason) || v.Reason.Detail != reason.Detail() || v.Payment != nil {
			t.Errorf("%s: reason %+v, payment %s", reason, v.Reason, v.Payment)
		}
		if problems := contract.Problems(t, http.MethodGet, path, response); problems != "" {
			t.Errorf("%s: %s", reason, problems)
		}
	}
}

// Every answer fits the contract, in every status, before and after a card was refused.
func TestAnswersFitTheContract(t *testing.T) {
	contract, path := contracttest.New(t), "/api/orders/"+string(id)
	for _, status := range contracts.Statuses()[1:] {
		for _, declined := range []bool{true, false} {
			row := paid(status)
			if !declined {
				row.Payment.LastError = nil
			}
			_, response := viewed(t, row)
			if problems := contract.Problems(t, http.MethodGet, path, response); problems != "" {
				t.Errorf("%s: %s: %s", status, problems, response.Body)
			}
		}
	}
	_, response := viewed(t, paid(contracts.AwaitingPayment))
	response.Body = strings.Replace(response.Body, `"clientSecret"`, `"intentId"`, 1)
	if contract.Problems(t, http.MethodGet, path, response) == "" {
		t.Error("an answer outside the contract passes")
	}
}
