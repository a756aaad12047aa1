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
	{Group: "rear", Section: "stalls", Rows: []readmodel.LayoutRow{{Name: "3", Seats: []string{"A-1-1"}}}},
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
		for _, key := range []string{"", "pk_test_1"} {
			encoded, err := json.Marshal(orderview.Of(row(status), orderview.With{PublishableKey: key, Layout: layout, Timeline: true}))
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
