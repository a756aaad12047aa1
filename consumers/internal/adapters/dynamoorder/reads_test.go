package dynamoorder_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// The emulator makes every read consistent, so only the request shows whether DynamoDB would. The index cannot be read
// consistently; it only names the rows to read.
func TestReadsThatDecideAreConsistent(t *testing.T) {
	config := ministacktest.Load(t)
	for _, test := range []struct {
		name, operation string
		read            func(*dynamoorder.Store) error
	}{
		{"a row", "GetItem", func(s *dynamoorder.Store) error { _, _, err := s.Read(t.Context(), "id"); return err }},
		{"many rows", "BatchGetItem", func(s *dynamoorder.Store) error {
			_, err := s.ReadMany(t.Context(), []contracts.OrderID{"id"})
			return err
		}},
		{"tickets", "Query", func(s *dynamoorder.Store) error { _, err := s.Tickets(t.Context(), seatGroup); return err }},
		{"an allowance", "GetItem", func(s *dynamoorder.Store) error { _, err := s.Allowance(t.Context(), "c", "u"); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, faults := broken(config, retry.NoBreaker{})
			consistent := false
			faults.Next(test.operation, awsfaults.Seen(func(body map[string]any) {
				if of, batch := body["RequestItems"].(map[string]any); batch {
					body, _ = of[tables.Orders].(map[string]any)
				}
				consistent, _ = body["ConsistentRead"].(bool)
			}))
			if err := test.read(store); err != nil || faults.Left() > 0 {
				t.Fatal(err)
			}
			if !consistent {
				t.Error("the read is not consistent")
			}
		})
	}
}

// Pages of two items; DynamoDB's pages end after 1 MB.
func TestEveryPageIsRead(t *testing.T) {
	config := ministacktest.Load(t)
	const rows = 7
	store, faults := broken(config, retry.NoBreaker{})
	group := contracts.SeatGroup{ConcertID: "nocturne", Group: "pages"}
	for i := range rows {
		row := ordertest.HeldOrder(ordertest.Placed(group, "A-1"))
		ordertest.Put(t, store, row)
		putTicket(t, dynamodb.NewFromConfig(config), readmodel.Ticket{SeatGroup: group.Key(), Seat: string(rune('a' + i)), OrderID: row.OrderID})
	}
	for name, read := range map[string]func() (int, error){
		"open orders": func() (int, error) { ids, err := store.OpenIDs(t.Context(), group); return len(ids), err },
		"tickets":     func() (int, error) { owners, err := store.Tickets(t.Context(), group); return len(owners), err },
	} {
		t.Run(name, func(t *testing.T) {
			faults.Next("Query", awsfaults.Paged(2), awsfaults.Paged(2), awsfaults.Paged(2), awsfaults.Paged(2))
			if n, err := read(); n != rows || err != nil || faults.Left() > 0 {
				t.Errorf("%d of %d were read, %v, with %d pages left", n, rows, err, faults.Left())
			}
		})
	}
}
