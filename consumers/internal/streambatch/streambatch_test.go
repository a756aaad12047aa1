package streambatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/streambatch"
	"boxoffice/contracts"
	"boxoffice/contracts/telemetry"
)

// image is a row as the stream of a table carries it.
const image = `{"orderId":{"S":"e1%d"},"userId":{"S":"anna"},"concertId":{"S":"c"},"group":{"S":"A"},"layoutVersion":{"N":"1"},
"seats":{"L":[{"S":"A-1"},{"S":"A-2"}]},"requestHash":{"S":"h"},"status":{"S":"HELD"},"version":{"N":"1"},
"amount":{"M":{"minor":{"N":"12000"},"currency":{"S":"EUR"}}},"heldAt":{"N":"1000"},"holdExpiresAt":{"N":"301000"},
"fence":{"S":"1"},"acceptedAt":{"N":"900"},"history":{"L":[{"M":{"status":{"S":"HELD"},"version":{"N":"1"},"at":{"N":"1001"},"cause":{"S":"PlaceOrder"},"messageId":{"S":"m"}}}]},
"nothing":{"NULL":true},"flag":{"BOOL":true},"tags":{"SS":["a"]},"numbers":{"NS":["1"]}}`

func record(t testing.TB, n int, newImage string) events.DynamoDBEventRecord {
	t.Helper()
	var r events.DynamoDBEventRecord
	body := fmt.Sprintf(`{"eventID":"%d","eventName":"INSERT","dynamodb":{"SequenceNumber":"s%d"%s}}`, n, n, newImage)
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func batch(t testing.TB, n int) events.DynamoDBEvent {
	t.Helper()
	var b events.DynamoDBEvent
	for i := range n {
		b.Records = append(b.Records, record(t, i, `,"NewImage":`+fmt.Sprintf(image, i)))
	}
	return b
}

// handle answers what the handler was given and which record comes again, "" for none.
func handle(t *testing.T, ctx context.Context, b events.DynamoDBEvent, h streambatch.Handler) (given []string, again string) {
	t.Helper()
	response, err := streambatch.New(func(ctx context.Context, records []streambatch.Record) (int, error) {
		for _, r := range records {
			given = append(given, r.SequenceNumber)
		}
		return h(ctx, records)
	}, streambatch.Options{}).Handle(ctx, b)
	if err != nil || response.BatchItemFailures == nil || len(response.BatchItemFailures) > 1 {
		t.Fatalf("got %+v, %v", response, err)
	}
	if len(response.BatchItemFailures) == 1 {
		again = response.BatchItemFailures[0].ItemIdentifier
	}
	return given, again
}

func TestRowsAreDecoded(t *testing.T) {
	_, again := handle(t, t.Context(), batch(t, 1), func(_ context.Context, records []streambatch.Record) (int, error) {
		row := records[0].Row
		if row.OrderID != "e10" || row.Version != 1 || row.Status != contracts.Held || !slices.Equal(row.Seats, []string{"A-1", "A-2"}) ||
			row.Amount.Minor != 12000 || row.HoldExpiresAt != 301000 || row.History[0].Cause != "PlaceOrder" {
			t.Errorf("got %+v", row)
		}
		return 1, nil
	})
	if again != "" {
		t.Errorf("%s comes again", again)
	}
}

func TestTheFirstThatIsNotDoneComesAgain(t *testing.T) {
	broken := errors.New("broken connection")
	for _, test := range []struct {
		done int
		err  error
		want string
	}{{3, nil, ""}, {0, broken, "s0"}, {1, broken, "s1"}, {2, nil, "s2"}, {3, broken, "s2"}, {-1, nil, "s0"}, {9, broken, "s2"}} {
		_, again := handle(t, t.Context(), batch(t, 3), func(context.Context, []streambatch.Record) (int, error) { return test.done, test.err })
		if again != test.want {
			t.Errorf("%d done, %v: %q comes again, want %q", test.done, test.err, again, test.want)
		}
	}
}

func TestAPanicBringsAllAgain(t *testing.T) {
	if _, again := handle(t, t.Context(), batch(t, 3), func(context.Context, []streambatch.Record) (int, error) { panic("oops") }); again != "s0" {
		t.Errorf("%q comes again", again)
	}
}

// A record that nobody can read must not stop its shard for good; one that was removed is no version.
func TestWhatIsNoRowIsPassedOver(t *testing.T) {
	b := batch(t, 4)
	b.Records[0] = record(t, 0, `,"NewImage":{"orderId":{"S":"x"},"version":{"S":"no number"}}`)
	b.Records[2] = record(t, 2, "")
	b.Records = append(b.Records, record(t, 4, `,"NewImage":{"orderId":{"B":"AAAA"}}`),
		record(t, 5, `,"NewImage":{"orderId":{"S":"x"},"version":{"N":"0"}}`), record(t, 6, `,"NewImage":{"version":{"N":"1"}}`))
	given, again := handle(t, t.Context(), b, func(_ context.Context, records []streambatch.Record) (int, error) { return len(records), nil })
	if !slices.Equal(given, []string{"s1", "s3"}) || again != "" {
		t.Errorf("given %v, %q comes again", given, again)
	}
	var metrics bytes.Buffer
	meter := telemetry.NewMeter(&metrics, "publish", func() time.Time { return time.UnixMilli(0) })
	all := func(_ context.Context, records []streambatch.Record) (int, error) { return len(records), nil }
	if _, err := streambatch.New(all, streambatch.Options{Meter: meter}).Handle(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(metrics.String(), `"RecordsPassedOver":1`); n != 4 {
		t.Errorf("%d records are counted as passed over, want the four that nobody can read: %s", n, metrics.String())
	}
	called := false
	handle(t, t.Context(), events.DynamoDBEvent{Records: b.Records[:1]}, func(context.Context, []streambatch.Record) (int, error) {
		called = true
		return 0, nil
	})
	if called {
		t.Error("the handler was given nothing")
	}
}

func TestTheBudgetEndsBeforeTheInvocation(t *testing.T) {
	end := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	handle(t, ctx, batch(t, 1), func(ctx context.Context, _ []streambatch.Record) (int, error) {
		if budget, ok := ctx.Deadline(); !ok || end.Sub(budget) != 500*time.Millisecond {
			t.Errorf("the budget ends %s before the invocation", end.Sub(budget))
		}
		return 1, nil
	})
}

func FuzzHandle(f *testing.F) {
	f.Add([]byte(`{"Records":[{"dynamodb":{"SequenceNumber":"1","NewImage":` + fmt.Sprintf(image, 1) + `}}]}`))
	f.Add([]byte(`{"Records":[{"dynamodb":{"NewImage":{"orderId":{"L":[{"M":{}}]}}}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var b events.DynamoDBEvent
		if err := json.Unmarshal(body, &b); err != nil {
			return
		}
		if _, err := streambatch.New(func(_ context.Context, records []streambatch.Record) (int, error) { return len(records), nil }, streambatch.Options{}).Handle(t.Context(), b); err != nil {
			t.Error(err)
		}
	})
}
