package sqsbatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// record returns a message as the event source mapping passes it. Its group is the letters of its id.
func record(id string) events.SQSMessage {
	order := "order-of-" + id
	kind := "PlaceOrder"
	return events.SQSMessage{
		MessageId: id, ReceiptHandle: "receipt-of-" + id, Body: "body of " + id,
		Attributes: map[string]string{
			"MessageGroupId": strings.TrimRight(id, "0123456789"), "SequenceNumber": "00000000000000000042",
			"SentTimestamp": "1700000000000", "ApproximateReceiveCount": "1",
		},
		MessageAttributes: map[string]events.SQSMessageAttribute{
			message.AttributeKind:  {StringValue: &kind, DataType: "String"},
			message.AttributeOrder: {StringValue: &order, DataType: "String"},
		},
	}
}

// batch returns a batch of records.
func batch(ids ...string) events.SQSEvent {
	var e events.SQSEvent
	for _, id := range ids {
		e.Records = append(e.Records, record(id))
	}
	return e
}

// returned is one call of ReturnAfter.
type returned struct {
	ids   string
	after time.Duration
}

// world is the handler, queue and bury of a Batches. It records the calls and returns what a test sets.
type world struct {
	mu      sync.Mutex
	handled []string
	buried  []string
	returns []returned
	log     bytes.Buffer
	metrics bytes.Buffer

	outcome   func(ctx context.Context, id string) error
	buryErr   func(id string) error
	returnErr error
	// hangingBury makes bury wait for the end of its context. onReturn is called by each call of ReturnAfter.
	hangingBury bool
	onReturn    func()
	options     sqsbatch.Options
}

// highest makes a backoff draw its longest delay.
type highest struct{}

func (highest) Int64N(n int64) int64 { return n - 1 }

// batches returns the Batches under test.
func (w *world) batches() *sqsbatch.Batches {
	w.options.Logger = telemetry.NewLogger(&w.log, "test")
	w.options.Meter = telemetry.NewMeter(&w.metrics, "test", time.Now)
	if w.options.Backoff == nil {
		w.options.Backoff = retry.NewFullJitter(time.Second, retry.MaxVisibility, highest{})
	}
	return sqsbatch.New(w.handle, w, w.bury, w.options)
}

func (w *world) handle(ctx context.Context, d message.Delivery) error {
	w.mu.Lock()
	w.handled = append(w.handled, d.MessageID)
	w.mu.Unlock()
	if w.outcome == nil {
		return nil
	}
	return w.outcome(ctx, d.MessageID)
}

func (w *world) bury(ctx context.Context, d message.Delivery, reason string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.hangingBury {
		<-ctx.Done()
		return ctx.Err()
	}
	if w.buryErr != nil {
		if err := w.buryErr(d.MessageID); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buried = append(w.buried, d.MessageID+": "+reason)
	return nil
}

// ReturnAfter implements sqsbatch.Queue. Like the client of a real queue, it makes no call after its context has ended.
func (w *world) ReturnAfter(ctx context.Context, receipts []sqsbatch.Receipt, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.onReturn != nil {
		w.onReturn()
	}
	ids := make([]string, len(receipts))
	for i, r := range receipts {
		ids[i] = r.MessageID
		if r.Handle != "receipt-of-"+r.MessageID {
			return fmt.Errorf("receipt of %s is %s", r.MessageID, r.Handle)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.returns = append(w.returns, returned{strings.Join(ids, " "), d})
	return w.returnErr
}

// lines returns the log lines about one message, except those of panics.
func (w *world) lines(t *testing.T, id string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, line := range strings.Split(strings.TrimSpace(w.log.String()), "\n") {
		fields := map[string]any{}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if fields[telemetry.KeyMessage] == id && fields[slog.MessageKey] != "handler panicked" && fields[slog.MessageKey] != "bury panicked" {
			found = append(found, fields)
		}
	}
	return found
}

// metric returns the sum of the values of a metric.
func (w *world) metric(t *testing.T, metric telemetry.Metric) float64 {
	t.Helper()
	sum := 0.0
	for _, line := range strings.Split(strings.TrimSpace(w.metrics.String()), "\n") {
		fields := map[string]any{}
		if line == "" {
			continue
		}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("metric line %q: %v", line, err)
		}
		if v, ok := fields[metric.Name].(float64); ok {
			sum += v
		}
	}
	return sum
}

// failures returns the ids in a response, separated by spaces.
func failures(r events.SQSEventResponse) string {
	ids := make([]string, len(r.BatchItemFailures))
	for i, f := range r.BatchItemFailures {
		ids[i] = f.ItemIdentifier
	}
	return strings.Join(ids, " ")
}

// withReceives sets the receive count of all messages of a batch.
func withReceives(e events.SQSEvent, n int) events.SQSEvent {
	for _, r := range e.Records {
		r.Attributes["ApproximateReceiveCount"] = strconv.Itoa(n)
	}
	return e
}
