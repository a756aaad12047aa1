package dynamoorder_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// No emulator has replicas that lag, so only the request shows that the read is consistent.
func TestTicketIsReadConsistently(t *testing.T) {
	config := ministacktest.Load(t)
	store, faults := broken(config, retry.NoBreaker{})
	g := contracts.SeatGroup{ConcertID: "nocturne", Group: "consistent"}
	putTicket(t, dynamodb.NewFromConfig(config), readmodel.Ticket{SeatGroup: g.Key(), Seat: "A-1", OrderID: "owner"})
	var asked struct{ ConsistentRead bool }
	faults.Next("GetItem", func(r *http.Request, next aws.HTTPClient) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &asked); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return next.Do(r)
	})
	owner, found, err := store.Ticket(t.Context(), g, "A-1")
	if owner != "owner" || !found || err != nil || !asked.ConsistentRead || faults.Left() > 0 {
		t.Errorf("the ticket is %q, found %v, %v; asked %+v", owner, found, err, asked)
	}
}

// A failed read is not "no ticket": the seat would be taken for one that its owner does not own.
func TestFailedTicketReadIsAnError(t *testing.T) {
	store, faults := broken(ministacktest.Load(t), retry.NoBreaker{})
	faults.Next("GetItem", throttled...)
	_, _, err := store.Ticket(t.Context(), contracts.SeatGroup{ConcertID: "nocturne", Group: "throttled"}, "A-1")
	if err == nil || retry.Classify(err).Class != retry.ClassRetryable || faults.Left() > 0 {
		t.Errorf("got %v with %d faults left", err, faults.Left())
	}
}
