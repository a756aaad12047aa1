package dynamooverview_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamooverview"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/viewtest"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

func open(t *testing.T) (*dynamooverview.Store, *awsfaults.Faults) {
	t.Helper()
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	return dynamooverview.New(dynamodb.NewFromConfig(config), "overview", retry.NoBreaker{}), faults
}

func TestStore(t *testing.T) {
	viewtest.Exercise(t, func(t *testing.T) reconcile.ViewStore {
		s, _ := open(t)
		return s
	})
}

// Each item fits into the 400 KB of DynamoDB at its bounds, with the longest names that the contracts allow.
func TestItemsFitAtTheirBounds(t *testing.T) {
	const most = 1<<53 - 1
	n, lag, at := 9_999_999, int64(86_400_000), contracts.Instant(1_790_000_000_123)
	name := func(length, i int) string { return fmt.Sprintf("%0*d", length, i) }

	seats := readmodel.ConcertSeats{Item: readmodel.ConcertItem(name(40, 1)), Form: 1, ConcertID: name(40, 1), LayoutVersion: n, ExpiresAt: most}
	for i := range readmodel.MaxConcertGroups {
		seats.Groups = append(seats.Groups, readmodel.GroupSeats{
			Group: name(32, i), Section: name(32, i), Tier: name(32, i), At: at, State: readmodel.GroupLoading, Free: n, Held: n, Sold: n, LagMs: &lag,
		})
	}
	sales := readmodel.Sales{Item: readmodel.SalesItem, At: at, Concerts: map[string]readmodel.SeatCount{}}
	for i := range readmodel.MaxSalesConcerts {
		sales.Concerts[name(40, i)] = readmodel.SeatCount{At: at, Free: n, Total: n}
	}
	o := viewtest.Sample(at)
	o.Queues, o.Concerts, o.Breakers, o.Alarms, o.Unchecked, o.FailedRuns = nil, nil, nil, nil, nil, nil
	for i := range 40 {
		q := readmodel.QueueState{Name: name(40, i), Visible: &n, InFlight: &n, Delayed: &n, LagMs: &lag, DeadLetters: &n}
		for range 15 {
			q.History = append(q.History, readmodel.QueuePoint{At: at, Visible: n, LagMs: &lag})
		}
		o.Queues = append(o.Queues, q)
	}
	for i := range readmodel.MaxOverviewConcerts {
		o.Concerts = append(o.Concerts, readmodel.ConcertTotals{ConcertID: name(40, i), Sale: readmodel.SaleCancelled, At: at, Groups: n, Known: n, Free: n, Held: n, Sold: n})
	}
	for i := range readmodel.MaxAlarms {
		o.Alarms = append(o.Alarms, readmodel.RaisedAlarm{Name: name(40, i), Since: at, Value: 1.0 / 3})
		o.Unchecked = append(o.Unchecked, name(40, i))
	}
	for i := range readmodel.MaxBreakers {
		o.Breakers = append(o.Breakers, readmodel.OpenBreaker{Name: name(40, i), Since: at})
	}
	// Not by the Store, whose calls end after 2 s: a busy emulator takes longer for such items.
	client := dynamodb.NewFromConfig(ministacktest.Load(t))
	put := func(row any) error {
		item, err := attributevalue.MarshalMap(row)
		if err == nil {
			_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("overview"), Item: item})
		}
		return err
	}
	for _, row := range []any{seats, sales, o} {
		if err := put(row); err != nil {
			t.Errorf("%T: %v", row, err)
		}
	}
	// The emulator holds to the limit, so that the test above can fail.
	seats.Groups = append(seats.Groups, seats.Groups...)
	if err := put(seats); err == nil || !strings.Contains(err.Error(), "size") {
		t.Errorf("an item twice as large: %v", err)
	}
}

// The counts of settled orders add up; since stays at the first.
func TestSettledOrdersAddUp(t *testing.T) {
	s, faults := open(t)
	settled := dynamooverview.Settled{Store: s}
	for i, counts := range []map[contracts.Status]int{{contracts.Confirmed: 2, contracts.Expired: 1}, {contracts.Confirmed: 3}} {
		if err := settled.Add(t.Context(), counts, contracts.Instant(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	// A call that may have counted is not made again.
	faults.Next("UpdateItem", awsfaults.Lost)
	if err := settled.Add(t.Context(), map[contracts.Status]int{contracts.Revoked: 1}, 102); err == nil {
		t.Error("a lost answer is no error")
	}
	items, err := s.Read(t.Context(), nil)
	want := readmodel.SettledOrders{Item: readmodel.SettledItem, Since: 100, Confirmed: 5, Expired: 1, Revoked: 1}
	if err != nil || items.Settled == nil || *items.Settled != want {
		t.Errorf("read %+v, %v", items.Settled, err)
	}
}
