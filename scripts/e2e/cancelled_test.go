package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"boxoffice/scripts/catalogue"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// A cancelled concert is shown as cancelled and accepts no order, and loading the catalogue again does not change that.
func TestCancelledConcertAcceptsNoOrders(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	const concert = "iron-harvest-2030" // no other test's
	entries, err := catalogue.Sample()
	if err != nil {
		t.Fatal(err)
	}
	entries = slices.DeleteFunc(entries, func(e catalogue.Entry) bool { return e.Concert.ConcertID != concert })
	if len(entries) != 1 {
		t.Fatalf("the sample has %d concerts %s", len(entries), concert)
	}
	target := catalogue.Target{
		DynamoDB: s.Dynamo, SQS: s.Queues, ConcertsTable: s.Table("concerts"), LayoutsTable: s.Table("layouts"), OrdersQueueURL: s.Queue("orders"),
	}
	if _, err := catalogue.Cancel(t.Context(), target, concert, false, time.Now); err != nil {
		t.Fatal(err)
	}
	// A process may cache a concert for that long.
	waitForCaches := func() {
		t.Helper()
		from := time.Now()
		eventually(t, decideWithin, func() (bool, string) { return time.Since(from) > 11*time.Second, "the caches may be stale" })
	}
	waitForCaches()
	report, err := catalogue.Load(t.Context(), target, entries, catalogue.Options{Now: time.Now, CommandID: testbed.Named("again")})
	if err != nil || report.Rebuilds != 0 || len(report.NotInFiles) == 0 {
		t.Errorf("loading the catalogue again: %+v, %v", report, err)
	}
	waitForCaches()
	var shown apiclient.Concert
	if err := s.withToken(t, "").Get(t.Context(), "/concerts/"+concert, &shown); err != nil || shown.Status != "cancelled" {
		t.Errorf("it is shown as %s, %v", shown.Status, err)
	}
	user := testbed.Named("anna")
	answer, err := s.signedIn(t, user).Place(t.Context(), "key-1", apiclient.OrderRequest{ConcertID: concert, Seats: entries[0].Groups[0].Seats[:1]})
	if err != nil || answer.Status != http.StatusUnprocessableEntity || answer.Problem().Code != "concert_cancelled" {
		t.Errorf("an order got %d %s, %v", answer.Status, answer.Body, err)
	}
	if rows := s.rowsOf(t, user); len(rows) > 0 {
		t.Errorf("there are %d rows", len(rows))
	}
}
