package reserve_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

// servers is a fixture whose rows and messages are those of real servers, through the adapters of the deployed function, and whose
// calls fail as planned. Seats are in memory.
type servers struct {
	*fixture
	faults *awsfaults.Faults
	dynamo *dynamodb.Client
	orders *dynamoorder.Store
	sender *sqssend.Sender
	queues *sqs.Client
	url    string
}

func newServers(t *testing.T) *servers {
	t.Helper()
	config := ministacktest.Load(t)
	s := &servers{fixture: newFixture(t), queues: sqs.NewFromConfig(config)}
	urls := map[message.Queue]string{}
	for _, name := range []message.Queue{message.QueueExpiries, message.QueuePayments} {
		queue, err := s.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{
			QueueName: aws.String(string(name) + ".fifo"), Attributes: map[string]string{
				"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		urls[name] = *queue.QueueUrl
	}
	s.url, s.faults = urls[message.QueueExpiries], awsfaults.Into(&config)
	s.dynamo = dynamodb.NewFromConfig(config)
	s.orders = dynamoorder.New(s.dynamo, dynamoorder.Tables{
		Orders: "orders", Tickets: "tickets", Groups: "groups", Allowances: "allowances",
	}, retry.NoBreaker{})
	s.sender = sqssend.New(sqs.NewFromConfig(config), urls, retry.NoBreaker{})
	return s
}

// Seats are the groups in memory, which are loaded from the rows of the server.
func (s *servers) Seats() *seats.Store {
	return seats.NewStore(s.Groups(), seats.NewLoader(s.orders, s.orders, s.Catalogue(), s.Holds, nil, seats.LoaderOptions{
		Wait: func(context.Context, time.Duration) error { return nil },
	}))
}

func (s *servers) ending() seats.Ending {
	return seats.Ending{Seats: s.Seats(), Sender: s.sender}
}

func (s *servers) place(t *testing.T, m message.PlaceOrder) error {
	t.Helper()
	h := s.fixture.place()
	h.Orders, h.Sender, h.Seats = s.orders, s.sender, s.Seats()
	d := message.Delivery{MessageID: "m-1", SequenceNumber: "7", SentAt: s.Instant()}
	return h.HandleRun(t.Context(), []reserve.Placing{{Delivery: d, Message: m}})[0]
}

// expiries receives all of the queue of expiries, and returns the orders of the messages.
func (s *servers) expiries(t *testing.T) (orders []contracts.OrderID) {
	t.Helper()
	for {
		got, err := s.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &s.url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Messages) == 0 {
			return orders
		}
		for _, m := range got.Messages {
			decoded, err := message.Decode(*m.Body)
			expire, ok := decoded.(message.ExpireHold)
			if err != nil || !ok {
				t.Fatalf("message %s: %v", *m.Body, err)
			}
			orders = append(orders, expire.OrderID)
			if _, err := s.queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &s.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var (
	throttle = awsfaults.Throttled("ProvisionedThroughputExceededException")
	lost     = awsfaults.Fault(awsfaults.Lost)
)

const (
	conflict  = "TransactionConflict"
	condition = "ConditionalCheckFailed"
	none      = "None"
)

// The result of a conflict, of a throttled call and of one whose answer is lost is unknown: the message is redelivered, and the
// order ends as without the fault. A row that the message's own first attempt wrote is its own: the seats stay and ExpireHold is
// sent.
func TestPlaceOverServersThatFail(t *testing.T) {
	for _, test := range []struct {
		name      string
		operation string
		faults    []awsfaults.Fault
		// at is the outcome of the message that met the fault.
		at retry.Class
	}{
		{"transaction throttled", "TransactWriteItems", []awsfaults.Fault{throttle, throttle}, retry.ClassRetryable},
		{"conflict on the allowance", "TransactWriteItems", []awsfaults.Fault{awsfaults.Cancelled(none, conflict)}, retry.ClassRetryable},
		{"allowance throttled once", "TransactWriteItems", []awsfaults.Fault{awsfaults.Cancelled(none, "ThrottlingError")}, retry.ClassDone},
		{"allowance throttled", "TransactWriteItems", []awsfaults.Fault{awsfaults.Cancelled(none, "ThrottlingError"), awsfaults.Cancelled(none, "ThrottlingError")}, retry.ClassRetryable},
		{"over the limit beside a conflict", "TransactWriteItems", []awsfaults.Fault{awsfaults.Cancelled(conflict, condition)}, retry.ClassRetryable},
		{"transaction's answer lost", "TransactWriteItems", []awsfaults.Fault{lost}, retry.ClassDone},
		{"transaction's answers lost", "TransactWriteItems", []awsfaults.Fault{lost, lost}, retry.ClassRetryable},
		{"transaction refused and not shown", "TransactWriteItems", []awsfaults.Fault{lost, awsfaults.Cancelled(condition, none)}, retry.ClassRetryable},
		{"expiry throttled", "SendMessageBatch", []awsfaults.Fault{awsfaults.EntriesFailed("ThrottlingException", false, 0)}, retry.ClassRetryable},
		{"expiry rejected", "SendMessageBatch", []awsfaults.Fault{awsfaults.EntriesFailed("InvalidMessageContents", true, 0)}, retry.ClassRetryable},
		{"expiry's answer lost", "SendMessageBatch", []awsfaults.Fault{lost}, retry.ClassDone},
		{"expiry's answers lost", "SendMessageBatch", []awsfaults.Fault{lost, lost}, retry.ClassRetryable},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServers(t)
			s.Catalog.Concerts[0].LimitPerBuyer = 2
			m := s.placed("A-1-1", "A-1-2")
			s.faults.Next(test.operation, test.faults...)
			for i, class := range []retry.Class{test.at, retry.ClassDone, retry.ClassDone} {
				world.WantOutcome(t, s.place(t, m), class, "")
				if i == 0 && s.faults.Left() > 0 {
					t.Fatalf("%d faults did not happen", s.faults.Left())
				}
				s.WantTaken(t, group, 0, 1)
			}
			row, found, err := s.orders.Read(t.Context(), m.OrderID)
			if !found || err != nil || row.Status != contracts.Held || row.Version != 1 {
				t.Errorf("row %v: %s at version %d (%v)", found, row.Status, row.Version, err)
			}
			if n, err := s.orders.Allowance(t.Context(), m.ConcertID, m.UserID); n != row.Counted || err != nil {
				t.Errorf("%d seats are counted, want %d (%v)", n, row.Counted, err)
			}
			if got := s.expiries(t); !slices.Equal(got, []contracts.OrderID{m.OrderID}) {
				t.Errorf("ExpireHold was sent for %v, want once for the order", got)
			}
		})
	}
}

// The last pair of adjacent seats, whose row meets such a fault: the redelivery holds the same pair, and is not refused.
func TestTheLastPairOverServersThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		operation string
		faults    []awsfaults.Fault
	}{
		"transaction throttled": {"TransactWriteItems", []awsfaults.Fault{throttle, throttle}},
		"its answers lost":      {"TransactWriteItems", []awsfaults.Fault{lost, lost}},
		"allowance in conflict": {"TransactWriteItems", []awsfaults.Fault{awsfaults.Cancelled(none, conflict)}},
		"expiry throttled":      {"SendMessageBatch", []awsfaults.Fault{awsfaults.EntriesFailed("ThrottlingException", false, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServers(t)
			s.onlyPair(t, "A")
			s.Catalog.Concerts[0].LimitPerBuyer = 2
			m := s.best("A", 2)
			s.faults.Next(c.operation, c.faults...)
			for _, class := range []retry.Class{retry.ClassRetryable, retry.ClassDone, retry.ClassDone} {
				world.WantOutcome(t, s.place(t, m), class, "")
			}
			row, found, err := s.orders.Read(t.Context(), m.OrderID)
			if !found || err != nil || row.Status != contracts.Held || row.Version != 1 || !slices.Equal(row.Seats, []string{"A-1-4", "A-1-5"}) {
				t.Errorf("row %v: %s with %v (%v)", found, row.Status, row.Seats, err)
			}
			if got := s.heldIn("A", m.OrderID); !slices.Equal(got, []int{3, 4}) {
				t.Errorf("places %v are held", got)
			}
		})
	}
}

// The same for messages that end an order: the redelivery reads the version that its own first attempt wrote, and the seats are
// released.
func TestEndsOverServersThatFail(t *testing.T) {
	handlers := map[string]func(t *testing.T, s *servers, id contracts.OrderID) error{
		"cancel": func(t *testing.T, s *servers, id contracts.OrderID) error {
			h := reserve.Cancel{Orders: s.orders, Ending: s.ending(), Now: s.Now}
			m := message.CancelOrder{OrderID: id, ConcertID: group.ConcertID, Group: group.Group}
			return h.Handle(t.Context(), message.Delivery{MessageID: "m-2"}, m)
		},
		"settle": func(t *testing.T, s *servers, id contracts.OrderID) error {
			h := reserve.Settle{Seats: s.Seats(), Orders: s.orders, Tickets: s.orders, Catalogue: s.Catalogue(), Ending: s.ending(), Now: s.Now}
			m := message.SettleOrder{OrderID: id, ConcertID: group.ConcertID, Group: group.Group, Reason: contracts.ReasonInternal}
			return h.Handle(t.Context(), message.Delivery{MessageID: "m-2"}, m)
		},
		"expire": func(t *testing.T, s *servers, id contracts.OrderID) error {
			h := expire.Expire{Orders: s.orders, Ending: s.ending(), Now: s.Now}
			m := message.ExpireHold{OrderID: id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}
			return h.HandleMessage(t.Context(), message.Delivery{MessageID: "m-2"}, m)
		},
	}
	for name, handle := range handlers {
		for _, test := range []struct {
			name      string
			operation string
			faults    []awsfaults.Fault
			at        retry.Class
		}{
			{"throttled", "TransactWriteItems", []awsfaults.Fault{throttle, throttle}, retry.ClassRetryable},
			{"answer lost", "TransactWriteItems", []awsfaults.Fault{lost}, retry.ClassDone},
			{"conflict", "TransactWriteItems", []awsfaults.Fault{awsfaults.Cancelled(none, conflict)}, retry.ClassRetryable},
			{"refused beside a throttle", "TransactWriteItems", []awsfaults.Fault{awsfaults.Cancelled(condition, "ThrottlingError")}, retry.ClassRetryable},
			{"transaction's answers lost", "TransactWriteItems", []awsfaults.Fault{lost, lost}, retry.ClassRetryable},
		} {
			t.Run(fmt.Sprint(name, " ", test.name), func(t *testing.T) {
				s := newServers(t)
				s.Catalog.Concerts[0].LimitPerBuyer = 2
				m := s.placed("A-1-1", "A-1-2")
				world.WantDone(t, s.place(t, m))
				s.Advance(holdFor + seatstate.ExpireAfter)
				s.faults.Next(test.operation, test.faults...)
				for i, class := range []retry.Class{test.at, retry.ClassDone, retry.ClassDone} {
					world.WantOutcome(t, handle(t, s, m.OrderID), class, "")
					if i == 0 && s.faults.Left() > 0 {
						t.Fatalf("%d faults did not happen", s.faults.Left())
					}
				}
				row, _, err := s.orders.Read(t.Context(), m.OrderID)
				if err != nil || !row.Status.EndedUnpaid() || row.Version != 2 || len(row.History) != 2 {
					t.Errorf("%s at version %d with %d entries (%v)", row.Status, row.Version, len(row.History), err)
				}
				if n, err := s.orders.Allowance(t.Context(), m.ConcertID, m.UserID); n != 0 || err != nil {
					t.Errorf("%d seats are counted, want none (%v)", n, err)
				}
				s.WantTaken(t, group)
			})
		}
	}
}
