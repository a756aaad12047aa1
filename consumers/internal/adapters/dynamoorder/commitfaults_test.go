package dynamoorder_test

import (
	"errors"
	"maps"
	"strings"
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

// What a commit answers to each way in which it can fail. An order whose own tickets are there must never be told that its
// seats are another's: that would end it, with its buyer's money put aside.
func TestCommitsThatFail(t *testing.T) {
	config := ministacktest.Load(t)
	lost := awsfaults.Fault(awsfaults.Lost)
	for _, test := range []struct {
		name   string
		taken  bool
		faults []awsfaults.Fault
		want   string
		stored bool
		// again is the answer to the same commit once more, from the same row.
		again string
	}{
		{name: "throttled once", faults: throttled[:1], want: "done", stored: true, again: "moved"},
		{name: "throttled", faults: throttled, want: "unknown", again: "done"},
		{name: "ticket throttled once", faults: []awsfaults.Fault{awsfaults.Cancelled(none, none, "ThrottlingError")}, want: "done", stored: true, again: "moved"},
		{name: "conflict on the row", faults: []awsfaults.Fault{awsfaults.Cancelled(conflict, none, none)}, want: "unknown", again: "done"},
		{name: "conflict on a ticket", faults: []awsfaults.Fault{awsfaults.Cancelled(none, conflict, none)}, want: "unknown", again: "done"},
		{name: "refused beside a conflict", faults: []awsfaults.Fault{awsfaults.Cancelled(none, conflict, condition)}, want: "unknown", again: "done"},
		{name: "refused beside a throttle", faults: []awsfaults.Fault{awsfaults.Cancelled(none, condition, "ThrottlingError")}, want: "unknown", again: "done"},
		{name: "second ticket refused", faults: []awsfaults.Fault{awsfaults.Cancelled(none, none, condition)}, want: "taken A-2", again: "done"},
		{name: "row and ticket refused", faults: []awsfaults.Fault{awsfaults.Cancelled(condition, condition, none)}, want: "moved", again: "done"},
		{name: "answer lost", faults: []awsfaults.Fault{lost}, want: "done", stored: true, again: "moved"},
		{name: "both answers lost", faults: []awsfaults.Fault{lost, lost}, want: "unknown", stored: true, again: "moved"},
		{name: "lost, then throttled", faults: []awsfaults.Fault{lost, throttle}, want: "unknown", stored: true, again: "moved"},
		{name: "taken, answer lost", taken: true, faults: []awsfaults.Fault{lost}, want: "taken A-2", again: "taken A-2"},
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
			err = store.Commit(t.Context(), row, committed)
			if result(err) != test.want || faults.Left() > 0 {
				t.Fatalf("commit returns %v with %d faults left, want %s", err, faults.Left(), test.want)
			}
			if err != nil && !retry.IsRetryable(err) {
				t.Errorf("%v does not return the message", err)
			}
			stored, _, err := store.Read(t.Context(), row.OrderID)
			if want := map[bool]int{true: 2, false: 1}[test.stored]; stored.Version != want || err != nil {
				t.Errorf("the row has version %d, want %d (%v)", stored.Version, want, err)
			}
			if err := store.Commit(t.Context(), row, committed); result(err) != test.again {
				t.Errorf("again: commit returns %v, want %s", err, test.again)
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

// result is what a commit returned: done, moved, the seats that are taken, or unknown.
func result(err error) string {
	var taken *order.SeatsTakenError
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, retry.ErrMoved):
		return "moved"
	case errors.As(err, &taken):
		return "taken " + strings.Join(taken.Seats, " ")
	default:
		return "unknown"
	}
}

// A withdrawal whose answer is lost has taken the tickets and given the allowance back once.
func TestWithdrawalsThatFail(t *testing.T) {
	config := ministacktest.Load(t)
	lost := awsfaults.Fault(awsfaults.Lost)
	for _, test := range []struct {
		name   string
		faults []awsfaults.Fault
		want   string
		stored bool
	}{
		{"throttled once", throttled[:1], "done", true},
		{"throttled", throttled, "unknown", false},
		{"conflict", []awsfaults.Fault{awsfaults.Cancelled(none, none, none, conflict)}, "unknown", false},
		{"answer lost", []awsfaults.Fault{lost}, "done", true},
		{"both answers lost", []awsfaults.Fault{lost, lost}, "unknown", true},
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
			if err := store.Commit(t.Context(), row, committed); err != nil {
				t.Fatalf("got %v", err)
			}
			revoked, err := committed.Revoke(cause)
			if err != nil {
				t.Fatal(err)
			}
			faults.Next("TransactWriteItems", test.faults...)
			err = store.Withdraw(t.Context(), committed, revoked)
			if result(err) != test.want || faults.Left() > 0 {
				t.Fatalf("withdraw returns %v with %d faults left, want %s", err, faults.Left(), test.want)
			}
			again := map[bool]string{true: "moved", false: "done"}[test.stored]
			if err := store.Withdraw(t.Context(), committed, revoked); result(err) != again {
				t.Errorf("again: withdraw returns %v, want %s", err, again)
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
