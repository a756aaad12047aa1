package dynamoorder_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Commit returns the right result for each way in which it can fail. It must never report an order's own tickets as
// another's: the order would end with its buyer's money still authorised.
func TestCommitFaults(t *testing.T) {
	config := ministacktest.Load(t)
	lost := awsfaults.Fault(awsfaults.Lost)
	for _, test := range []struct {
		name   string
		taken  bool
		faults []awsfaults.Fault
		want   order.CommitResult
		fails  bool
		stored bool
		// again is the result of the same commit once more, from the same row.
		again order.CommitResult
	}{
		{name: "throttled once", faults: throttled[:1], want: order.CommitResult{Done: true}, stored: true, again: order.CommitResult{Moved: true, Taken: []string{"A-1", "A-2"}}},
		{name: "throttled", faults: throttled, fails: true, again: order.CommitResult{Done: true}},
		{name: "ticket throttled once", faults: []awsfaults.Fault{awsfaults.Cancelled(none, none, "ThrottlingError")}, want: order.CommitResult{Done: true}, stored: true, again: order.CommitResult{Moved: true, Taken: []string{"A-1", "A-2"}}},
		{name: "conflict on the row", faults: []awsfaults.Fault{awsfaults.Cancelled(conflict, none, none)}, fails: true, again: order.CommitResult{Done: true}},
		{name: "conflict on a ticket", faults: []awsfaults.Fault{awsfaults.Cancelled(none, conflict, none)}, fails: true, again: order.CommitResult{Done: true}},
		{name: "refused beside a conflict", faults: []awsfaults.Fault{awsfaults.Cancelled(none, conflict, condition)}, fails: true, again: order.CommitResult{Done: true}},
		{name: "refused beside a throttle", faults: []awsfaults.Fault{awsfaults.Cancelled(none, condition, "ThrottlingError")}, fails: true, again: order.CommitResult{Done: true}},
		{name: "second ticket refused", faults: []awsfaults.Fault{awsfaults.Cancelled(none, none, condition)}, want: order.CommitResult{Taken: []string{"A-2"}}, again: order.CommitResult{Done: true}},
		{name: "row and ticket refused", faults: []awsfaults.Fault{awsfaults.Cancelled(condition, condition, none)}, want: order.CommitResult{Moved: true, Taken: []string{"A-1"}}, again: order.CommitResult{Done: true}},
		{name: "answer lost", faults: []awsfaults.Fault{lost}, want: order.CommitResult{Done: true}, stored: true, again: order.CommitResult{Moved: true, Taken: []string{"A-1", "A-2"}}},
		{name: "both answers lost", faults: []awsfaults.Fault{lost, lost}, fails: true, stored: true, again: order.CommitResult{Moved: true, Taken: []string{"A-1", "A-2"}}},
		{name: "lost, then throttled", faults: []awsfaults.Fault{lost, throttle}, fails: true, stored: true, again: order.CommitResult{Moved: true, Taken: []string{"A-1", "A-2"}}},
		{name: "taken, answer lost", taken: true, faults: []awsfaults.Fault{lost}, want: order.CommitResult{Taken: []string{"A-2"}}, again: order.CommitResult{Taken: []string{"A-2"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, faults := broken(config, retry.NoBreaker{})
			group := contracts.SeatGroup{ConcertID: "nocturne", Group: "commit " + test.name}
			row := ordertest.HeldOrder(ordertest.Placed(group, "A-1", "A-2"))
			ordertest.Put(t, store, row)
			if test.taken {
				putTicket(t, dynamodb.NewFromConfig(config), readmodel.Ticket{SeatGroup: group.Key(), Seat: "A-2", OrderID: "another"})
			}
			committed, err := row.Commit("pi_1", order.Cause{Kind: message.KindPaymentAuthorized, MessageID: "m-2", At: 9})
			if err != nil {
				t.Fatal(err)
			}
			faults.Next("TransactWriteItems", test.faults...)
			r, err := store.Commit(t.Context(), row, committed)
			if !same(r, test.want) || (err != nil) != test.fails || faults.Left() > 0 {
				t.Fatalf("got %+v, %v with %d faults left, want %+v", r, err, faults.Left(), test.want)
			}
			if err != nil && retry.Classify(err).Class != retry.ClassRetryable {
				t.Errorf("%v does not return the message", err)
			}
			stored, _, err := store.Read(t.Context(), row.OrderID)
			if want := map[bool]int{true: 2, false: 1}[test.stored]; stored.Version != want || err != nil {
				t.Errorf("the row has version %d, want %d (%v)", stored.Version, want, err)
			}
			if again, err := store.Commit(t.Context(), row, committed); !same(again, test.again) || err != nil {
				t.Errorf("again: %+v, %v, want %+v", again, err, test.again)
			}
			owners := map[string]contracts.OrderID{"A-1": row.OrderID, "A-2": row.OrderID}
			if test.taken {
				owners = map[string]contracts.OrderID{"A-2": "another"}
			}
			if got, err := store.Tickets(t.Context(), group); !maps.Equal(got, owners) || err != nil {
				t.Errorf("tickets are %v, %v, want %v", got, err, owners)
			}
		})
	}
}

func same(a, b order.CommitResult) bool {
	return a.Done == b.Done && a.Moved == b.Moved && slices.Equal(a.Taken, b.Taken)
}

// A withdrawal whose answer is lost has deleted the tickets and returned the allowance once.
func TestWithdrawFaults(t *testing.T) {
	config := ministacktest.Load(t)
	lost := awsfaults.Fault(awsfaults.Lost)
	for _, test := range []struct {
		name        string
		faults      []awsfaults.Fault
		done, fails bool
		stored      bool
	}{
		{"throttled once", throttled[:1], true, false, true},
		{"throttled", throttled, false, true, false},
		{"conflict", []awsfaults.Fault{awsfaults.Cancelled(none, none, none, conflict)}, false, true, false},
		{"answer lost", []awsfaults.Fault{lost}, true, false, true},
		{"both answers lost", []awsfaults.Fault{lost, lost}, false, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, faults := broken(config, retry.NoBreaker{})
			group := contracts.SeatGroup{ConcertID: "nocturne", Group: "withdraw " + test.name}
			row := ordertest.HeldBy(group, "buyer of "+test.name, 8, "A-1", "A-2")
			ordertest.Put(t, store, row)
			cause := order.Cause{Kind: message.KindPaymentAuthorized, MessageID: "m-2", At: 9}
			committed, err := row.Commit("pi_1", cause)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := store.Commit(t.Context(), row, committed); !r.Done || err != nil {
				t.Fatalf("got %+v, %v", r, err)
			}
			revoked, err := committed.Revoke(cause)
			if err != nil {
				t.Fatal(err)
			}
			faults.Next("TransactWriteItems", test.faults...)
			done, err := store.Withdraw(t.Context(), committed, revoked)
			if done != test.done || (err != nil) != test.fails || faults.Left() > 0 {
				t.Fatalf("done %v, %v with %d faults left", done, err, faults.Left())
			}
			if again, err := store.Withdraw(t.Context(), committed, revoked); again == test.stored || err != nil {
				t.Errorf("again: %v, %v", again, err)
			}
			if n, err := store.Allowance(t.Context(), row.ConcertID, row.UserID); n != 0 || err != nil {
				t.Errorf("%d seats are counted in the end (%v)", n, err)
			}
			if got, err := store.Tickets(t.Context(), group); len(got) > 0 || err != nil {
				t.Errorf("tickets are %v, %v", got, err)
			}
		})
	}
}
