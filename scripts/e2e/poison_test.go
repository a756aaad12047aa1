package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// drained reads the letters of an order that reconcile has kept.
func (s *stack) drained(t *testing.T, id contracts.OrderID) []readmodel.DeadLetter {
	t.Helper()
	table := os.Getenv("DEADLETTERS_TABLE")
	var found []readmodel.DeadLetter
	pages := dynamodb.NewScanPaginator(s.dynamo, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var letters []readmodel.DeadLetter
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &letters); err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			if l.OrderID == id {
				found = append(found, l)
			}
		}
	}
	return found
}

// reconcile invokes the function now, rather than to wait for its minute.
func reconcile(t *testing.T) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, os.Getenv("LAMBDAHOST_CONTROL_URL")+"/invoke/reconcile", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var report map[string]any
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("reconcile answers %d %v, %v", response.StatusCode, report, err)
	}
}

// A PlaceOrder that nobody can read, or not yet, is taken out of its group at once: its order is rejected, the message is
// kept with the reason, and the group goes on.
func TestAPoisonedOrderIsRejectedAndKept(t *testing.T) {
	for name, poison := range map[string]struct{ body, reason string }{
		"no JSON":         {"not JSON", "malformed"},
		"unknown version": {`{"kind":"PlaceOrder","v":99}`, "unknown_version"},
		"unknown kind":    {`{"kind":"PlaceBet","v":1}`, "unknown_kind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := theStack(t)
			seats := s.seats(t, 1)
			g, _ := s.group(t, seats[0])
			// The message's attributes name the order, and nothing else can be read.
			id := anOrderID(t)
			enqueue(t, message.Encoded{
				Route: message.Route{Group: s.concert + "#" + g.Group, DeduplicationID: string(id)}, Body: poison.body,
				Attributes: message.Attributes{Kind: message.KindPlaceOrder, OrderID: id, UserID: "anna", ConcertID: s.concert, Group: g.Group},
			})
			anna := s.as(t, userNamed("anna"))
			wantStatus(t, s.decided(t, anna, s.place(t, anna, "key-1", seats...).OrderID), contracts.AwaitingPayment)
			row, found := s.row(t, string(id))
			if !found || row.Status != contracts.Rejected || row.Reason == nil || row.Reason.Code != contracts.ReasonInternal {
				t.Fatalf("row %+v, found %v", row, found)
			}
			eventually(t, decideWithin, func() (bool, string) {
				reconcile(t)
				letters := s.drained(t, id)
				return len(letters) == 1 && letters[0].Reason == poison.reason && letters[0].Body == poison.body, "the letter is not kept"
			})
		})
	}
}
