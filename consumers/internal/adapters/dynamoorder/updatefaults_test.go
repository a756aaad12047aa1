package dynamoorder_test

import (
	"cmp"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// What an update answers to each way in which it can fail. Refused means that the row is read again, so it must never be
// answered for a conflict or a throttle, and it is the right answer where the first attempt's own effect refuses the second.
func TestUpdatesThatFail(t *testing.T) {
	config := ministacktest.Load(t)
	const unknown, done, refused = "unknown", "done", "moved"
	lost, transact := awsfaults.Fault(awsfaults.Lost), "TransactWriteItems"
	for _, test := range []struct {
		name string
		// counted says that the version moves the allowance, as one that ends the order does.
		counted   bool
		seatLost  bool
		operation string
		faults    []awsfaults.Fault
		want      string
		stored    bool
	}{
		{name: "throttled once", operation: "PutItem", faults: throttled[:1], want: done, stored: true},
		{name: "throttled", operation: "PutItem", faults: throttled},
		{name: "answer lost", operation: "PutItem", faults: []awsfaults.Fault{lost}, want: refused, stored: true},
		{name: "both answers lost", operation: "PutItem", faults: []awsfaults.Fault{lost, lost}, stored: true},

		{name: "transaction throttled", counted: true, operation: transact, faults: throttled},
		{name: "conflict", counted: true, operation: transact, faults: []awsfaults.Fault{awsfaults.Cancelled(conflict, none)}},
		{name: "allowance throttled once", counted: true, operation: transact, faults: []awsfaults.Fault{awsfaults.Cancelled(none, "ThrottlingError")}, want: done, stored: true},
		{name: "allowance throttled", counted: true, operation: transact, faults: []awsfaults.Fault{awsfaults.Cancelled(none, "ThrottlingError"), awsfaults.Cancelled(none, "ThrottlingError")}},
		{name: "refused beside a conflict", counted: true, operation: transact, faults: []awsfaults.Fault{awsfaults.Cancelled(condition, conflict)}},
		{name: "transaction's answer lost", counted: true, operation: transact, faults: []awsfaults.Fault{lost}, want: done, stored: true},
		{name: "both of its answers lost", counted: true, operation: transact, faults: []awsfaults.Fault{lost, lost}, stored: true},

		{name: "seat lost, conflict on the ticket", counted: true, seatLost: true, operation: transact, faults: []awsfaults.Fault{awsfaults.Cancelled(none, conflict, none)}},
		{name: "seat lost, no such ticket beside a conflict", counted: true, seatLost: true, operation: transact, faults: []awsfaults.Fault{awsfaults.Cancelled(conflict, condition, none)}},
		{name: "seat lost, answer lost", counted: true, seatLost: true, operation: transact, faults: []awsfaults.Fault{lost}, want: done, stored: true},
		{name: "seat lost, both answers lost", counted: true, seatLost: true, operation: transact, faults: []awsfaults.Fault{lost, lost}, stored: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, faults := broken(config, retry.NoBreaker{})
			group := contracts.SeatGroup{ConcertID: "nocturne", Group: test.name}
			row := ordertest.HeldBy(group, "buyer of "+test.name, 8, "A-1", "A-2")
			ordertest.Put(t, store, row)
			reason := contracts.ReasonInternal
			if test.seatLost {
				reason = contracts.ReasonSeatLost
				putTicket(t, dynamodb.NewFromConfig(config), readmodel.Ticket{SeatGroup: group.Key(), Seat: "A-1", OrderID: "another"})
			}
			after, err := row.AwaitPayment("pi_1", "pi_1_secret", order.Cause{Kind: message.KindOpenPayment, MessageID: "m-2", At: 9})
			if test.counted {
				after, err = row.Reject(reason, []string{"A-1"}, order.Cause{Kind: message.KindSettleOrder, MessageID: "m-2", At: 9})
			}
			if err != nil {
				t.Fatal(err)
			}
			update := func() error {
				if test.seatLost {
					return store.RejectLost(t.Context(), row, after, "A-1")
				}
				return store.Update(t.Context(), row, after)
			}
			faults.Next(test.operation, test.faults...)
			err = update()
			if want := cmp.Or(test.want, unknown); result(err) != want || faults.Left() > 0 {
				t.Fatalf("update returns %v with %d faults left, want %s", err, faults.Left(), want)
			}
			if err != nil && !retry.IsRetryable(err) {
				t.Errorf("%v does not return the message", err)
			}
			stored, _, err := store.Read(t.Context(), row.OrderID)
			if want := map[bool]int{true: 2, false: 1}[test.stored]; stored.Version != want || err != nil {
				t.Errorf("the row has version %d, want %d (%v)", stored.Version, want, err)
			}
			again := map[bool]string{true: refused, false: done}[test.stored]
			if err := update(); result(err) != again {
				t.Errorf("again: update returns %v, want %s", err, again)
			}
			if stored, _, err := store.Read(t.Context(), row.OrderID); stored.Version != 2 || len(stored.History) != 2 || err != nil {
				t.Errorf("in the end the row has version %d and %d entries (%v)", stored.Version, len(stored.History), err)
			}
			if n, err := store.Allowance(t.Context(), row.ConcertID, row.UserID); n != after.Counted || err != nil {
				t.Errorf("%d seats are counted in the end, want %d (%v)", n, after.Counted, err)
			}
		})
	}
}

func putTicket(t *testing.T, client *dynamodb.Client, ticket readmodel.Ticket) {
	t.Helper()
	item, err := attributevalue.MarshalMap(ticket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(tables.Tickets), Item: item}); err != nil {
		t.Fatal(err)
	}
}

// A read that is throttled, or a batch of which nothing is done again and again, is an error: nothing is never "no row".
func TestReadsThatFail(t *testing.T) {
	config := ministacktest.Load(t)
	for _, test := range []struct {
		name, operation string
		read            func(*dynamoorder.Store) error
	}{
		{"one row", "GetItem", func(s *dynamoorder.Store) error { _, _, err := s.Read(t.Context(), "id"); return err }},
		{"many rows", "BatchGetItem", func(s *dynamoorder.Store) error {
			_, err := s.ReadMany(t.Context(), []contracts.OrderID{"id"})
			return err
		}},
		{"counted tickets", "BatchGetItem", func(s *dynamoorder.Store) error {
			_, err := s.CountTickets(t.Context(), []order.Order{ordertest.HeldOrder(ordertest.Placed(seatGroup, "A-1"))})
			return err
		}},
		{"open orders", "Query", func(s *dynamoorder.Store) error { _, err := s.OpenIDs(t.Context(), seatGroup); return err }},
		{"tickets", "Query", func(s *dynamoorder.Store) error { _, err := s.Tickets(t.Context(), seatGroup); return err }},
		{"allowance", "GetItem", func(s *dynamoorder.Store) error { _, err := s.Allowance(t.Context(), "c", "u"); return err }},
		{"token", "UpdateItem", func(s *dynamoorder.Store) error { _, err := s.NextToken(t.Context(), seatGroup); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, faults := broken(config, retry.NoBreaker{})
			faults.Next(test.operation, throttled...)
			if err := test.read(store); err == nil || faults.Left() > 0 {
				t.Errorf("throttled: %v", err)
			}
			if err := test.read(store); err != nil {
				t.Errorf("well again: %v", err)
			}
		})
	}
}

// DynamoDB may answer a part of a batch. The rest is read in further calls, and given up when nothing comes any more.
func TestUnprocessedKeysAreReadAgain(t *testing.T) {
	config := ministacktest.Load(t)
	store, faults := broken(config, retry.NoBreaker{})
	var ids []contracts.OrderID
	for range 7 {
		row := ordertest.HeldOrder(ordertest.Placed(seatGroup, "A-1"))
		ordertest.Put(t, store, row)
		ids = append(ids, row.OrderID)
	}
	for _, test := range []struct {
		faults []awsfaults.Fault
		calls  int
	}{
		{[]awsfaults.Fault{awsfaults.Unprocessed(3), awsfaults.Unprocessed(1)}, 3},
		{[]awsfaults.Fault{awsfaults.Unprocessed(7), awsfaults.Unprocessed(2), awsfaults.Unprocessed(2)}, 4},
	} {
		before := faults.Attempts("BatchGetItem")
		faults.Next("BatchGetItem", test.faults...)
		rows, err := store.ReadMany(t.Context(), ids)
		found := map[contracts.OrderID]bool{}
		for _, row := range rows {
			found[row.OrderID] = true
		}
		if calls := faults.Attempts("BatchGetItem") - before; len(rows) != len(ids) || len(found) != len(ids) || err != nil || calls != test.calls {
			t.Errorf("%d rows of %d orders after %d calls, %v", len(rows), len(found), calls, err)
		}
	}
	faults.Next("BatchGetItem", awsfaults.Unprocessed(7), awsfaults.Unprocessed(7), awsfaults.Unprocessed(7))
	if rows, err := store.ReadMany(t.Context(), ids); err == nil || retry.Classify(err).Class != retry.ClassRetryable || faults.Left() > 0 {
		t.Errorf("nothing is done: %d rows, %v", len(rows), err)
	}

	// The same of tickets: one that is left for later is no ticket that is missing.
	row := ordertest.HeldOrder(ordertest.Placed(contracts.SeatGroup{ConcertID: "nocturne", Group: "unprocessed"}, "A-1", "A-2", "A-3"))
	for _, seat := range row.Seats {
		putTicket(t, dynamodb.NewFromConfig(config), readmodel.Ticket{SeatGroup: row.SeatGroup().Key(), Seat: seat, OrderID: row.OrderID})
	}
	faults.Next("BatchGetItem", awsfaults.Unprocessed(2), awsfaults.Unprocessed(2), awsfaults.Unprocessed(1))
	if n, err := store.CountTickets(t.Context(), []order.Order{row}); n[row.OrderID] != 3 || err != nil || faults.Left() > 0 {
		t.Errorf("%d tickets, %v", n[row.OrderID], err)
	}
	faults.Next("BatchGetItem", awsfaults.Unprocessed(3), awsfaults.Unprocessed(3), awsfaults.Unprocessed(3))
	if n, err := store.CountTickets(t.Context(), []order.Order{row}); err == nil || faults.Left() > 0 {
		t.Errorf("nothing is done: %v, %v", n, err)
	}
}

// A row that is there and is no order is told apart from a store that fails: whoever reads many passes over it.
func TestARowThatCannotBeRead(t *testing.T) {
	config := ministacktest.Load(t)
	store, _ := broken(config, retry.NoBreaker{})
	good, bad := ordertest.HeldOrder(ordertest.Placed(seatGroup, "A-1")), ordertest.NewID()
	ordertest.Put(t, store, good)
	_, err := dynamodb.NewFromConfig(config).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(tables.Orders), Item: map[string]types.AttributeValue{
		"orderId": &types.AttributeValueMemberS{Value: string(bad)}, "version": &types.AttributeValueMemberS{Value: "seven"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Read(t.Context(), bad); !errors.Is(err, order.ErrUnreadable) {
		t.Errorf("alone: %v", err)
	}
	if _, err := store.ReadMany(t.Context(), []contracts.OrderID{good.OrderID, bad}); !errors.Is(err, order.ErrUnreadable) {
		t.Errorf("among others: %v", err)
	}
	if _, found, err := store.Read(t.Context(), good.OrderID); !found || err != nil {
		t.Errorf("the other: %v, %v", found, err)
	}
}

// A conflict shows a table in good health: many buyers at one row must not stop everybody's calls. A throttle does not.
func TestConflictsLeaveTheBreakerClosed(t *testing.T) {
	config := ministacktest.Load(t)
	for name, opens := range map[string]bool{conflict: false, "ThrottlingError": true} {
		// A conflict ends its call; a throttle gets another attempt.
		fail := func(f *awsfaults.Faults) {
			for range map[bool]int{false: 1, true: 2}[opens] {
				f.Next("TransactWriteItems", awsfaults.Cancelled(none, name))
			}
		}
		t.Run(name, func(t *testing.T) {
			store, faults := broken(config, retry.NewBreaker("dynamodb", retry.BreakerOptions{Failures: 2}))
			for i := range 2 {
				row := ordertest.HeldBy(seatGroup, fmt.Sprint(name, i), 8, "A-1")
				fail(faults)
				if r := store.PutAll(t.Context(), []order.Order{row})[0]; r.Outcome != order.PutUnknown || r.Err == nil {
					t.Fatalf("got %+v", r)
				}
			}
			if _, _, err := store.Read(t.Context(), "id"); errors.Is(err, retry.ErrBreakerOpen) != opens {
				t.Errorf("after two puts: %v", err)
			}
		})
		t.Run(name+" at an update", func(t *testing.T) {
			store, faults := broken(config, retry.NewBreaker("dynamodb", retry.BreakerOptions{Failures: 2}))
			row := ordertest.HeldBy(seatGroup, name, 8, "A-1")
			ordertest.Put(t, store, row)
			after, err := row.Cancel(order.Cause{At: 9})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				fail(faults)
				if err := store.Update(t.Context(), row, after); result(err) != "unknown" {
					t.Fatalf("update returns %v", err)
				}
			}
			if _, _, err := store.Read(t.Context(), "id"); errors.Is(err, retry.ErrBreakerOpen) != opens {
				t.Errorf("after two updates: %v", err)
			}
		})
	}
}
