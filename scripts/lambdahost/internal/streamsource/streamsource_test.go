package streamsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	tabletypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"boxoffice/scripts/internal/ministacktest"
)

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

type handlerFunc func(events.DynamoDBEvent) (any, error)

func (f handlerFunc) Invoke(_ context.Context, payload []byte, _ time.Duration) ([]byte, error) {
	var event events.DynamoDBEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	answer, err := f(event)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

type table struct {
	client  *dynamodb.Client
	streams *dynamodbstreams.Client
}

func newTable(t *testing.T, stream bool) table {
	t.Helper()
	cfg := emulator.Tenant(t)
	client := dynamodb.NewFromConfig(cfg)
	input := &dynamodb.CreateTableInput{
		TableName: aws.String("orders"), BillingMode: tabletypes.BillingModePayPerRequest,
		AttributeDefinitions: []tabletypes.AttributeDefinition{{AttributeName: aws.String("orderId"), AttributeType: tabletypes.ScalarAttributeTypeS}},
		KeySchema:            []tabletypes.KeySchemaElement{{AttributeName: aws.String("orderId"), KeyType: tabletypes.KeyTypeHash}},
	}
	if stream {
		input.StreamSpecification = &tabletypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: tabletypes.StreamViewTypeNewAndOldImages}
	}
	if _, err := client.CreateTable(t.Context(), input); err != nil {
		t.Fatal(err)
	}
	return table{client, dynamodbstreams.NewFromConfig(cfg)}
}

func (x table) put(t *testing.T, item map[string]tabletypes.AttributeValue) {
	t.Helper()
	if _, err := x.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("orders"), Item: item}); err != nil {
		t.Fatal(err)
	}
}

func (x table) putVersions(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		x.put(t, map[string]tabletypes.AttributeValue{"orderId": &tabletypes.AttributeValueMemberS{Value: "o1"}, "version": &tabletypes.AttributeValueMemberN{Value: fmt.Sprint(i)}})
	}
}

func (x table) start(t *testing.T, target Target, options Options) *Source {
	t.Helper()
	options.Table, options.Function, options.Logger = "orders", "mirror", slog.New(slog.DiscardHandler)
	options.Pause, options.RetryDelay = 20*time.Millisecond, 5*time.Millisecond
	s, err := New(t.Context(), x.client, x.streams, target, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// seen records versions in the order in which they were handled.
type seen struct {
	mu       sync.Mutex
	versions []string
	tries    []int
}

func (s *seen) get() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.versions...)
}

func version(r events.DynamoDBEventRecord) string { return r.Change.NewImage["version"].Number() }

func upTo(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func TestRecordsAreDeliveredInOrderFromTheOldest(t *testing.T) {
	t.Parallel()
	x := newTable(t, true)
	x.putVersions(t, 7)
	var s seen
	x.start(t, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(e.Records) > 3 {
			t.Errorf("batch of %d", len(e.Records))
		}
		for _, r := range e.Records {
			s.versions = append(s.versions, version(r))
		}
		return nil, nil
	}), Options{BatchSize: 3})
	eventually(t, "7 records", func() bool { return len(s.get()) >= 7 })
	x.put(t, map[string]tabletypes.AttributeValue{"orderId": &tabletypes.AttributeValueMemberS{Value: "o1"}, "version": &tabletypes.AttributeValueMemberN{Value: "7"}})
	eventually(t, "8 records", func() bool { return len(s.get()) >= 8 })
	if got := s.get(); !reflect.DeepEqual(got, upTo(8)) {
		t.Errorf("versions %v", got)
	}
}

func TestEventIsWhatLambdaSends(t *testing.T) {
	t.Parallel()
	x := newTable(t, true)
	item := map[string]tabletypes.AttributeValue{
		"orderId": &tabletypes.AttributeValueMemberS{Value: "o1"},
		"amount":  &tabletypes.AttributeValueMemberN{Value: "12000"},
		"open":    &tabletypes.AttributeValueMemberBOOL{Value: true},
		"nothing": &tabletypes.AttributeValueMemberNULL{Value: true},
		"bytes":   &tabletypes.AttributeValueMemberB{Value: []byte{0, 255}},
		"seats":   &tabletypes.AttributeValueMemberSS{Value: []string{"A-1"}},
		"history": &tabletypes.AttributeValueMemberL{Value: []tabletypes.AttributeValue{&tabletypes.AttributeValueMemberM{Value: map[string]tabletypes.AttributeValue{
			"status": &tabletypes.AttributeValueMemberS{Value: "HELD"}}}}},
	}
	x.put(t, item)
	item["amount"] = &tabletypes.AttributeValueMemberN{Value: "13000"}
	x.put(t, item)
	if _, err := x.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("orders"), Key: map[string]tabletypes.AttributeValue{"orderId": item["orderId"]}}); err != nil {
		t.Fatal(err)
	}
	got := make(chan events.DynamoDBEventRecord, 10)
	x.start(t, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
		for _, r := range e.Records {
			got <- r
		}
		return nil, nil
	}), Options{BatchSize: 10})
	insert, modify, remove := <-got, <-got, <-got
	if insert.EventName != "INSERT" || modify.EventName != "MODIFY" || remove.EventName != "REMOVE" {
		t.Errorf("events %s %s %s", insert.EventName, modify.EventName, remove.EventName)
	}
	image := insert.Change.NewImage
	if image["amount"].Number() != "12000" || !image["open"].Boolean() || !image["nothing"].IsNull() || !reflect.DeepEqual(image["bytes"].Binary(), []byte{0, 255}) ||
		!reflect.DeepEqual(image["seats"].StringSet(), []string{"A-1"}) || image["history"].List()[0].Map()["status"].String() != "HELD" {
		t.Errorf("image %v", image)
	}
	if modify.Change.OldImage["amount"].Number() != "12000" || modify.Change.NewImage["amount"].Number() != "13000" || modify.Change.Keys["orderId"].String() != "o1" {
		t.Errorf("change %+v", modify.Change)
	}
	if insert.EventSource != "aws:dynamodb" || insert.AWSRegion != ministacktest.Region || !strings.Contains(insert.EventSourceArn, "table/orders/stream/") ||
		insert.Change.SequenceNumber == "" || insert.Change.StreamViewType != "NEW_AND_OLD_IMAGES" || insert.Change.ApproximateCreationDateTime.IsZero() {
		t.Errorf("record %+v", insert)
	}
	if len(remove.Change.NewImage) != 0 || len(remove.Change.OldImage) == 0 {
		t.Errorf("removal %+v", remove.Change)
	}
}

func TestFailedBatchIsTriedAgainUntilItSucceeds(t *testing.T) {
	t.Parallel()
	x := newTable(t, true)
	x.putVersions(t, 4)
	var s seen
	source := x.start(t, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tries = append(s.tries, len(e.Records))
		if len(s.tries) <= 3 {
			return nil, errors.New("no connection")
		}
		for _, r := range e.Records {
			s.versions = append(s.versions, version(r))
		}
		return nil, nil
	}), Options{BatchSize: 10})
	eventually(t, "4 records", func() bool { return len(s.get()) >= 4 })
	if got := s.get(); !reflect.DeepEqual(got, upTo(4)) || source.Status().BatchFailures != 3 {
		t.Errorf("versions %v, status %+v", got, source.Status())
	}
}

func TestPartialFailureContinuesAtTheFirstFailedRecord(t *testing.T) {
	t.Parallel()
	x := newTable(t, true)
	x.putVersions(t, 6)
	var s seen
	failed := false
	x.start(t, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var r events.DynamoDBEventResponse
		for _, record := range e.Records {
			if len(r.BatchItemFailures) > 0 || (version(record) == "3" && !failed) {
				failed = true
				// The later failures come first in the list: the lowest sequence number counts.
				r.BatchItemFailures = append([]events.DynamoDBBatchItemFailure{{ItemIdentifier: record.Change.SequenceNumber}}, r.BatchItemFailures...)
				continue
			}
			s.versions = append(s.versions, version(record))
		}
		return r, nil
	}), Options{BatchSize: 10})
	eventually(t, "6 records", func() bool { return len(s.get()) >= 6 })
	if got := s.get(); !reflect.DeepEqual(got, upTo(6)) {
		t.Errorf("versions %v", got)
	}
}

func TestBisectIsolatesTheFailingRecord(t *testing.T) {
	t.Parallel()
	x := newTable(t, true)
	x.putVersions(t, 8)
	var s seen
	alone := 0
	x.start(t, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, r := range e.Records {
			if version(r) != "5" {
				continue
			}
			if len(e.Records) > 1 {
				return nil, errors.New("cannot")
			}
			if alone++; alone < 3 {
				return nil, errors.New("cannot yet")
			}
		}
		for _, r := range e.Records {
			s.versions = append(s.versions, version(r))
		}
		return nil, nil
	}), Options{BatchSize: 10, BisectOnError: true})
	eventually(t, "8 records", func() bool { return len(s.get()) >= 8 })
	if got := s.get(); !reflect.DeepEqual(got, upTo(8)) || alone != 3 {
		t.Errorf("versions %v, tried alone %d times", got, alone)
	}
}

func TestTableWithoutAStreamIsRefused(t *testing.T) {
	t.Parallel()
	x := newTable(t, false)
	_, err := New(t.Context(), x.client, x.streams, nil, Options{Table: "orders", BatchSize: 1})
	if err == nil || !strings.Contains(err.Error(), "has no stream") {
		t.Errorf("error %v", err)
	}
	if _, err := New(t.Context(), x.client, x.streams, nil, Options{Table: "absent", BatchSize: 1}); err == nil {
		t.Error("an absent table was accepted")
	}
}
