package orderview_test

import (
	"encoding/json"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
)

var layout = []readmodel.LayoutGroup{
	{Group: "front", Section: "stalls", Rows: []readmodel.LayoutRow{{Name: "1", Seats: []string{"A-1-1", "A-1-2"}}, {Name: "2", Seats: []string{"A-2-1"}}}},
	{Group: "rear", Section: "stalls", SectionName: "Stalls rear", Rows: []readmodel.LayoutRow{{Name: "3", Seats: []string{"A-1-1"}}}},
}

// payment returns the JSON of the payment in a view, "" if it has none.
func payment(t *testing.T, row readmodel.Order, with orderview.With) string {
	t.Helper()
	encoded, err := json.Marshal(orderview.Of(row, with).Payment)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(encoded), "null")
}

// The card is shown once the order is confirmed, to whoever asks for it, and in no other form than a brand and four digits.
func TestTheCardThatPaid(t *testing.T) {
	visa := &readmodel.Card{Brand: "visa", Last4: "4242"}
	for _, status := range contracts.Statuses()[1:] {
		r := row(status)
		r.Payment.Card = visa
		want := ""
		if status == contracts.Confirmed || status == contracts.Refunded {
			want = `{"card":{"brand":"visa","last4":"4242"}}`
		}
		if got := payment(t, r, orderview.With{Card: true}); got != want {
			t.Errorf("%s: payment is %s, want %s", status, got, want)
		}
		if got := payment(t, r, orderview.With{}); got != "" {
			t.Errorf("%s: nobody asked for the payment %s", status, got)
		}
	}
	for _, card := range []*readmodel.Card{nil, {}, {Brand: "visa"}, {Last4: "4242"}, {Brand: "visa", Last4: "4242424242424242"}, {Brand: "pi_1_secret_2!", Last4: "4242"}} {
		r := row(contracts.Confirmed)
		r.Payment.Card = card
		if got := payment(t, r, orderview.With{Card: true, PublishableKey: "pk_test_1"}); got != "" {
			t.Errorf("%+v is shown as %s", card, got)
		}
	}
	r := row(contracts.Confirmed) // as rows were before they had payments
	if r.Payment = nil; payment(t, r, orderview.With{Card: true}) != "" {
		t.Error("a payment is shown where there is none")
	}
}

// Why the last card was refused is shown while the order awaits payment, to whoever asks for the payment, with the secret or without.
func TestTheRefusalOfTheLastCard(t *testing.T) {
	refused := row(contracts.AwaitingPayment)
	refused.Payment.LastError = &readmodel.PaymentError{Code: "card_declined", Message: "Try another card."}
	const shown = `"lastError":{"code":"card_declined","message":"Try another card."}}`
	for _, c := range []struct {
		row  readmodel.Order
		with orderview.With
		want string
	}{
		{refused, orderview.With{Payment: true}, `{` + shown},
		{refused, orderview.With{Payment: true, PublishableKey: "pk_test_1"}, `{"clientSecret":"pi_1_secret_2","publishableKey":"pk_test_1",` + shown},
		{refused, orderview.With{}, ""},
		{row(contracts.AwaitingPayment), orderview.With{Payment: true}, ""},
		{row(contracts.Held), orderview.With{Payment: true}, ""},
	} {
		if got := payment(t, c.row, c.with); got != c.want {
			t.Errorf("%s with %+v: payment is %s, want %s", c.row.Status, c.with, got, c.want)
		}
	}
}

func row(status contracts.Status) readmodel.Order {
	return readmodel.Order{
		OrderID: "e1", UserID: "anna@example.org", ConcertID: "c", Group: "front", LayoutVersion: 1, Seats: []string{"A-1-2", "A-2-1"}, Status: status, Version: 2,
		RequestHash: "hash", Fence: "00000000000000000001", AcceptedAt: 1000, HoldExpiresAt: 9000,
		Payment: &readmodel.Payment{IntentID: "pi_1", ClientSecret: "pi_1_secret_2"},
		History: []readmodel.HistoryEntry{{Status: status, Version: 1, At: 1100, Cause: "PlaceOrder", MessageID: "m-1"}},
	}
}

// The secret is shown with the payment alone, and the payment only while it is awaited and only if the caller asks for it. What
// nobody may see is never shown.
func TestNoViewHasTheSecretUnlessItIsAskedFor(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		for key, payment := range map[string]bool{"": true, "pk_test_1": false} {
			encoded, err := json.Marshal(orderview.Of(row(status), orderview.With{PublishableKey: key, Payment: payment, Layout: layout, Timeline: true}))
			if err != nil {
				t.Fatal(err)
			}
			if shown, want := strings.Contains(string(encoded), "pi_1_secret_2"), status == contracts.AwaitingPayment && key != ""; shown != want {
				t.Errorf("%s with key %q: secret shown is %t: %s", status, key, shown, encoded)
			}
			for _, inside := range []string{"anna", "hash", `"pi_1"`, "m-1", "0000000001", "front"} {
				if strings.Contains(string(encoded), inside) {
					t.Errorf("%s: %s is in %s", status, inside, encoded)
				}
			}
		}
	}
}

func TestTicketsSayWhereTheSeatIs(t *testing.T) {
	v := orderview.Of(row(contracts.Confirmed), orderview.With{Layout: layout})
	want := []orderview.Place{{SectionName: "stalls", Row: "1", SeatNumber: 2}, {SectionName: "stalls", Row: "2", SeatNumber: 1}}
	if len(v.Tickets) != 2 || v.Tickets[0].Place != want[0] || v.Tickets[1].Place != want[1] {
		t.Errorf("got %+v", v.Tickets)
	}
	if place := orderview.PlaceOf("A-1-1", "rear", layout); place != (orderview.Place{SectionName: "Stalls rear", Row: "3", SeatNumber: 1}) {
		t.Errorf("a seat of a section with a name is at %+v", place)
	}
	for name, place := range map[string]orderview.Place{
		"a seat of another group": orderview.PlaceOf("A-2-1", "rear", layout), "no layout": orderview.PlaceOf("A-1-1", "front", nil),
	} {
		if place != (orderview.Place{}) {
			t.Errorf("%s is at %+v", name, place)
		}
	}
	if v.Timeline != nil {
		t.Errorf("the timeline is shown: %v", v.Timeline)
	}
}
