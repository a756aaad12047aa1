package catalogue

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/ministacktest"
)

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

func target(t *testing.T) Target {
	t.Helper()
	cfg := emulator.Tenant(t)
	x := Target{DynamoDB: dynamodb.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg), ConcertsTable: "concerts", LayoutsTable: "layouts"}
	for table, keys := range map[string][]string{"concerts": {"concertId"}, "layouts": {"layoutItem"}} {
		input := &dynamodb.CreateTableInput{TableName: &table, BillingMode: types.BillingModePayPerRequest}
		for i, key := range keys {
			input.AttributeDefinitions = append(input.AttributeDefinitions, types.AttributeDefinition{AttributeName: &key, AttributeType: types.ScalarAttributeTypeS})
			input.KeySchema = append(input.KeySchema, types.KeySchemaElement{AttributeName: &key, KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i]})
		}
		if _, err := x.DynamoDB.CreateTable(t.Context(), input); err != nil {
			t.Fatal(err)
		}
	}
	out, err := x.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders.fifo"), Attributes: map[string]string{
		"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
	}})
	if err != nil {
		t.Fatal(err)
	}
	x.OrdersQueueURL = aws.ToString(out.QueueUrl)
	return x
}

func at(year int) func() time.Time {
	return func() time.Time { return time.Date(year, 6, 1, 12, 0, 0, 0, time.UTC) }
}

func stored(t *testing.T, x Target, id string) readmodel.Concert {
	t.Helper()
	l := loader{target: x}
	c, found, err := l.storedConcert(t.Context(), id)
	if err != nil || !found {
		t.Fatalf("concert %s: found %v, error %v", id, found, err)
	}
	return c
}

// rebuilds receives all messages of the queue and returns the groups of the RebuildGroups, by concert.
func rebuilds(t *testing.T, x Target) map[string][]string {
	t.Helper()
	groups := map[string][]string{}
	for {
		out, err := x.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: &x.OrdersQueueURL, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameMessageGroupId},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return groups
		}
		for _, m := range out.Messages {
			decoded, err := message.Decode(aws.ToString(m.Body))
			if err != nil {
				t.Fatal(err)
			}
			r, ok := decoded.(message.RebuildGroup)
			if !ok {
				t.Fatalf("message is %T", decoded)
			}
			if m.Attributes["MessageGroupId"] != r.SeatGroup().Key() || aws.ToString(m.MessageAttributes["kind"].StringValue) != "RebuildGroup" {
				t.Errorf("group %s, attributes %v", m.Attributes["MessageGroupId"], m.MessageAttributes)
			}
			groups[r.ConcertID] = append(groups[r.ConcertID], r.Group)
			if _, err := x.SQS.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &x.OrdersQueueURL, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestLoadWritesTheSampleOnceAndRebuildsTheGroupsOnSale(t *testing.T) {
	x, entries := target(t), sample(t)
	first, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one", Parallel: 8})
	if err != nil {
		t.Fatal(err)
	}
	items := len(entries) * len(layoutitem.Uses)
	if first.Concerts != len(entries) || first.LayoutItems != items || first.LayoutWritten != items {
		t.Errorf("report %+v, want %d concerts and %d items", first, len(entries), items)
	}
	asked := rebuilds(t, x)
	for _, e := range entries {
		c := stored(t, x, e.Concert.ConcertID)
		// The mark is set from ten minutes before the sale.
		frozen := 0
		if contracts.InstantOf(at(2026)()) >= c.OnSaleAt.Add(-readmodel.FreezeBeforeSale) {
			frozen = c.LayoutVersion
		}
		if c.LayoutFrozen != frozen || c.Title != e.Concert.Title || c.LimitPerBuyer != e.Concert.LimitPerBuyer || len(c.Tiers) != len(e.Concert.Tiers) {
			t.Errorf("%s is stored as %+v", c.ConcertID, c)
		}
		want := 0
		if c.Sale(contracts.InstantOf(at(2026)())) == readmodel.SaleOpen {
			want = len(e.Groups)
		}
		if len(asked[c.ConcertID]) != want {
			t.Errorf("%s: %d groups were asked for, want %d", c.ConcertID, len(asked[c.ConcertID]), want)
		}
	}

	second, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "two"})
	if err != nil {
		t.Fatal(err)
	}
	if second.LayoutWritten != 0 || second.Rebuilds != first.Rebuilds {
		t.Errorf("second load: %+v", second)
	}
	if again := rebuilds(t, x); len(again) != len(asked) {
		t.Errorf("a second load asked for the groups of %d concerts, want %d: its command is another one", len(again), len(asked))
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	x, entries := target(t), sample(t)[:1]
	report, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one", DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if report.LayoutWritten != len(layoutitem.Uses) {
		t.Errorf("report %+v", report)
	}
	l := loader{target: x}
	if _, found, err := l.storedConcert(t.Context(), entries[0].Concert.ConcertID); found || err != nil {
		t.Errorf("the concert was written (%v)", err)
	}
	for _, item := range storedItems(t, x, entries[0]) {
		if item != nil {
			t.Errorf("a layout item was written: %d bytes", len(item))
		}
	}
	if asked := rebuilds(t, x); len(asked) != 0 {
		t.Errorf("messages were sent: %v", asked)
	}
}

// nextVersion returns the same concert with layout version 2.
func nextVersion(t *testing.T) []Entry {
	t.Helper()
	entries := sample(t)[:1]
	entries[0].Concert.LayoutVersion = 2
	return entries
}

func TestANewLayoutVersionIsRefusedOnceTheSaleHasBegun(t *testing.T) {
	id := sample(t)[0].Concert.ConcertID
	for year, wantErr := range map[int]error{2025: nil, 2026: ErrOnSale} {
		x := target(t)
		if _, err := Load(t.Context(), x, sample(t)[:1], Options{Now: at(year), CommandID: "one"}); err != nil {
			t.Fatal(err)
		}
		_, err := Load(t.Context(), x, nextVersion(t), Options{Now: at(year), CommandID: "two"})
		if !errors.Is(err, wantErr) {
			t.Errorf("in %d: error %v, want %v", year, err, wantErr)
		}
		want := 2
		if wantErr != nil {
			want = 1
		}
		frozen := 0
		if wantErr != nil {
			frozen = 1
		}
		if c := stored(t, x, id); c.LayoutVersion != want || c.LayoutFrozen != frozen {
			t.Errorf("in %d: stored version %d, frozen %d, want %d and %d", year, c.LayoutVersion, c.LayoutFrozen, want, frozen)
		}
	}
}

// The mark of a frozen layout stays even if the times of the sale change: otherwise seats that were sold in one group could be
// sold again in another.
func TestAFrozenLayoutStaysFrozenWhenTheTimesChange(t *testing.T) {
	x := target(t)
	id := sample(t)[0].Concert.ConcertID
	if _, err := Load(t.Context(), x, sample(t)[:1], Options{Now: at(2026), CommandID: "one"}); err != nil {
		t.Fatal(err)
	}
	postponed := sample(t)[:1]
	postponed[0].Concert.OnSaleAt = contracts.InstantOf(at(2029)())
	if _, err := Load(t.Context(), x, postponed, Options{Now: at(2026), CommandID: "two"}); err != nil {
		t.Fatal(err)
	}
	if c := stored(t, x, id); c.LayoutFrozen != 1 || c.Sale(contracts.InstantOf(at(2026)())) != readmodel.SaleScheduled {
		t.Errorf("postponed it is %+v", c)
	}
	other := nextVersion(t)
	other[0].Concert.OnSaleAt = postponed[0].Concert.OnSaleAt
	if _, err := Load(t.Context(), x, other, Options{Now: at(2026), CommandID: "three"}); !errors.Is(err, ErrOnSale) {
		t.Errorf("another layout: %v", err)
	}
	// A load that has read the row before the mark was set is refused too.
	l := loader{target: x}
	before := stored(t, x, id)
	before.LayoutFrozen = 0
	if err := l.putConcert(t.Context(), other[0].Concert, before, true); err == nil {
		t.Error("a load that raced with the mark put another layout")
	}
	if c := stored(t, x, id); c.LayoutVersion != 1 || c.LayoutFrozen != 1 {
		t.Errorf("it is %+v", c)
	}
}

// A load may change the limit during a sale, and adds it to a row that has none.
func TestALimitPerBuyerMayBeChangedAtAnyTime(t *testing.T) {
	x, entries := target(t), sample(t)[:1]
	id := entries[0].Concert.ConcertID
	for _, limit := range []int{8, 100, 6} {
		entries[0].Concert.LimitPerBuyer = limit
		if _, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: fmt.Sprint(limit)}); err != nil {
			t.Fatal(err)
		}
		if c := stored(t, x, id); c.LimitPerBuyer != limit || c.LayoutFrozen != 1 {
			t.Errorf("limit %d is stored as %d, frozen %d", limit, c.LimitPerBuyer, c.LayoutFrozen)
		}
	}
	if _, err := x.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &x.ConcertsTable, UpdateExpression: aws.String("REMOVE limitPerBuyer"),
		Key: map[string]types.AttributeValue{"concertId": &types.AttributeValueMemberS{Value: id}},
	}); err != nil {
		t.Fatal(err)
	}
	if c := stored(t, x, id); c.LimitPerBuyer != 0 || c.BuyerLimit() != 8 {
		t.Errorf("without a limit the row has %d, and %d holds", c.LimitPerBuyer, c.BuyerLimit())
	}
	if _, err := Load(t.Context(), x, sample(t)[:1], Options{Now: at(2026), CommandID: "again"}); err != nil {
		t.Fatal(err)
	}
	if c := stored(t, x, id); c.LimitPerBuyer != 8 {
		t.Errorf("loaded again it is stored with %d", c.LimitPerBuyer)
	}
}
