package dynamoorder_test

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
)

var tables = dynamoorder.Tables{Orders: "orders", Tickets: "tickets", Groups: "groups", Allowances: "allowances", Revocations: "revocations"}

// broken is a store whose calls fail as planned.
func broken(config aws.Config, breaker retry.Breaker) (*dynamoorder.Store, *awsfaults.Faults) {
	faults := awsfaults.Into(&config)
	return dynamoorder.New(dynamodb.NewFromConfig(config), tables, breaker), faults
}

const (
	conflict  = "TransactionConflict"
	condition = "ConditionalCheckFailed"
	none      = "None"
)

var (
	throttle  = awsfaults.Throttled("ProvisionedThroughputExceededException")
	throttled = []awsfaults.Fault{throttle, throttle}
	seatGroup = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}
)

// PutAll returns the right result for each way in which it can fail, and stores the right row: of a rejected order, which
// counts no seats, and of one that counts. After any of them the same put returns the row, and a buyer's seats are counted
// once.
func TestPutFaults(t *testing.T) {
	config := ministacktest.Load(t)
	for _, test := range []struct {
		name    string
		counted bool
		// before: the row exists already, from an earlier delivery.
		before    bool
		operation string
		faults    []awsfaults.Fault
		want      order.PutOutcome
		stored    bool
	}{
		{name: "throttled once", operation: "PutItem", faults: throttled[:1], want: order.PutDone, stored: true},
		{name: "throttled", operation: "PutItem", faults: throttled},
		{name: "throttled by its account", operation: "PutItem", faults: []awsfaults.Fault{awsfaults.Throttled("RequestLimitExceeded"), awsfaults.Throttled("ThrottlingException")}},
		// The first attempt's effect refuses the second.
		{name: "answer lost", operation: "PutItem", faults: []awsfaults.Fault{awsfaults.Lost}, want: order.PutRefused, stored: true},
		{name: "both answers lost", operation: "PutItem", faults: []awsfaults.Fault{awsfaults.Lost, awsfaults.Lost}, stored: true},
		{name: "conflict with a transaction", operation: "PutItem", faults: []awsfaults.Fault{awsfaults.Throttled("TransactionConflictException")}},
		// The response does not show whose row it is.
		{name: "refused without the row", before: true, operation: "PutItem", faults: []awsfaults.Fault{awsfaults.ConditionFailed}, stored: true},

		{name: "transaction throttled", counted: true, operation: "TransactWriteItems", faults: throttled},
		{name: "in progress", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Throttled("TransactionInProgressException")}, want: order.PutDone, stored: true},
		{name: "conflict on the row", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Cancelled(conflict, none)}},
		{name: "conflict on the allowance", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Cancelled(none, conflict)}},
		{name: "allowance throttled once", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Cancelled(none, "ThrottlingError")}, want: order.PutDone, stored: true},
		{name: "allowance throttled", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Cancelled(none, "ThrottlingError"), awsfaults.Cancelled(none, "ThrottlingError")}},
		{name: "row over its throughput", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Cancelled("ProvisionedThroughputExceeded", none), throttle}},
		// A refusal beside a conflict may be allowed a moment later.
		{name: "over the limit beside a conflict", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Cancelled(conflict, condition)}},
		{name: "over the limit beside a throttle", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Cancelled("ThrottlingError", condition)}},
		// An order that has a row gets that row, whatever else failed.
		{name: "row beside a conflict", counted: true, before: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.CancelledAlso(1, conflict)}, want: order.PutRefused, stored: true},
		{name: "row beside a throttle", counted: true, before: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.CancelledAlso(1, "ThrottlingError")}, want: order.PutRefused, stored: true},
		{name: "cancelled without the row", counted: true, before: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Cancelled(condition, none)}, stored: true},
		// The token of a transaction makes the second attempt return the first one's result.
		{name: "transaction's answer lost", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Lost}, want: order.PutDone, stored: true},
		{name: "both of its answers lost", counted: true, operation: "TransactWriteItems", faults: []awsfaults.Fault{awsfaults.Lost, awsfaults.Lost}, stored: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, faults := broken(config, retry.NoBreaker{})
			row := ordertest.RejectedOrder(ordertest.Placed(seatGroup, "A-1", "A-2"))
			if test.counted {
				row = ordertest.HeldBy(seatGroup, "buyer of "+test.name, 2, "A-1", "A-2")
			}
			put := func() order.PutResult {
				return store.PutAll(t.Context(), []order.Order{row})[0]
			}
			if test.before {
				ordertest.Put(t, store, row)
			}
			faults.Next(test.operation, test.faults...)
			r := put()
			if r.Outcome != test.want || (r.Err != nil) != (test.want == order.PutUnknown) || faults.Left() > 0 {
				t.Fatalf("got %+v with %d faults left, want %d", r, faults.Left(), test.want)
			}
			if test.want == order.PutUnknown && retry.Classify(r.Err).Class != retry.ClassRetryable {
				t.Errorf("%v does not return the message", r.Err)
			}
			if test.want != order.PutUnknown && !reflect.DeepEqual(r.Stored, row) {
				t.Errorf("answered with %+v, want the row %+v", r.Stored, row)
			}
			if _, found, err := store.Read(t.Context(), row.OrderID); found != test.stored || err != nil {
				t.Errorf("there is a row: %v, want %v (%v)", found, test.stored, err)
			}
			again := put()
			if want := map[bool]order.PutOutcome{true: order.PutRefused, false: order.PutDone}[test.stored]; again.Outcome != want || !reflect.DeepEqual(again.Stored, row) {
				t.Errorf("again: %+v, want %d with the row", again, want)
			}
			if n, err := store.Allowance(t.Context(), row.ConcertID, row.UserID); n != row.Counted || err != nil {
				t.Errorf("%d seats are counted, want %d (%v)", n, row.Counted, err)
			}
		})
	}
}

// Which of a buyer's orders is over the limit depends on the order whose result is unknown, so no later one is decided;
// another buyer's order is.
func TestConflictStopsLaterOrdersOfBuyer(t *testing.T) {
	store, faults := broken(ministacktest.Load(t), retry.NoBreaker{})
	first, later := ordertest.HeldBy(seatGroup, "ann", 2, "A-1", "A-2"), ordertest.HeldBy(seatGroup, "ann", 2, "A-3")
	other := ordertest.HeldBy(seatGroup, "ben", 2, "A-4")
	rows := []order.Order{first, later, other}
	// Either of the two transactions may come first, so each could take the fault: it is meant for the first buyer's only.
	conflictOf := func(r *http.Request, next aws.HTTPClient) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(first.OrderID)) {
			return awsfaults.Cancelled(none, conflict)(r, next)
		}
		return next.Do(r)
	}
	faults.Next("TransactWriteItems", conflictOf, conflictOf)
	for _, want := range [][]order.PutOutcome{
		{order.PutUnknown, order.PutUnknown, order.PutDone},
		{order.PutDone, order.PutOverLimit, order.PutRefused},
	} {
		for i, r := range store.PutAll(t.Context(), rows) {
			if r.Outcome != want[i] {
				t.Errorf("put %d: %+v, want %d", i, r, want[i])
			}
		}
	}
}
