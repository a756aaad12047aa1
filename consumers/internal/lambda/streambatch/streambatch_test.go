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

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/contracts"
	"boxoffice/contracts/telemetry"
)

// image is the new image of a row in a record of a stream.
const image = `{"orderId":{"S":"e1%d"},"userId":{"S":"anna"},"concertId":{"S":"c"},"group":{"S":"A"},"layoutVersion":{"N":"1"},
"seats":{"L":[{"S":"A-1"},{"S":"A-2"}]},"requestHash":{"S":"h"},"status":{"S":"HELD"},"version":{"N":"1"},
"amount":{"M":{"minor":{"N":"12000"},"currency":{"S":"EUR"}}},"heldAt":{"N":"1000"},"holdExpiresAt":{"N":"301000"},
"fence":{"S":"1"},"acceptedAt":{"N":"900"},"history":{"L":[{"M":{"status":{"S":"HELD"},"version":{"N":"1"},"at":{"N":"1001"},"cause":{"S":"PlaceOrder"},"messageId":{"S":"m"}}}]},
"nothing":{"NULL":true},"flag":{"BOOL":true},"tags":{"SS":["a"]},"numbers":{"NS":["1"]}}`

// record returns a record of a stream. members are the members of its change besides the sequence number.
func record(n int, members string) string {
	return fmt.Sprintf(`{"eventID":"%d","eventName":"INSERT","dynamodb":{"SequenceNumber":"s%d"%s}}`, n, n, members)
}

// change returns the members of a change of order n. Its old image cannot be decoded.
func change(n int) string {
	return fmt.Sprintf(`,"Keys":{"orderId":{"S":"e1%d"}},"NewImage":`+image+`,"OldImage":{"orderId":{"B":"AAAA"}}`, n, n)
}

// event returns a batch of records as Lambda passes it to a function.
func event(records ...string) string { return `{"Records":[` + strings.Join(records, ",") + `]}` }

// batch returns a batch of n records.
func batch(n int) string {
	var records []string
	for i := range n {
		records = append(records, record(i, change(i)))
	}
	return event(records...)
}

// kind makes a Lambda handler of one of the two kinds of batches. Its handler is given the sequence numbers of the records.
type kind func(handler func(ctx context.Context, given []string) (int, error), o streambatch.Options) func(context.Context, string) (events.DynamoDBEventResponse, error)

func versions(handler func(context.Context, []string) (int, error), o streambatch.Options) func(context.Context, string) (events.DynamoDBEventResponse, error) {
	b := streambatch.New(func(ctx context.Context, records []streambatch.Record) (int, error) {
		var given []string
		for _, r := range records {
			given = append(given, r.SequenceNumber)
		}
		return handler(ctx, given)
	}, o)
	return func(ctx context.Context, body string) (events.DynamoDBEventResponse, error) {
		var images streambatch.Images
		if err := json.Unmarshal([]byte(body), &images); err != nil {
			return events.DynamoDBEventResponse{}, err
		}
		return b.Handle(ctx, images)
	}
}

func hints(handler func(context.Context, []string) (int, error), o streambatch.Options) func(context.Context, string) (events.DynamoDBEventResponse, error) {
	b := streambatch.NewHints(func(ctx context.Context, all []streambatch.Hint) (int, error) {
		var given []string
		for _, h := range all {
			given = append(given, h.SequenceNumber)
		}
		return handler(ctx, given)
	}, o)
	return func(ctx context.Context, body string) (events.DynamoDBEventResponse, error) {
		var keys streambatch.Keys
		if err := json.Unmarshal([]byte(body), &keys); err != nil {
			return events.DynamoDBEventResponse{}, err
		}
		return b.Handle(ctx, keys)
	}
}

// both runs a test with both kinds of batches.
func both(t *testing.T, test func(t *testing.T, k kind)) {
	t.Helper()
	for name, k := range map[string]kind{"versions": versions, "hints": hints} {
		t.Run(name, func(t *testing.T) { test(t, k) })
	}
}

// handle returns the records that the handler was given, and the record that is redelivered, "" for none.
func (k kind) handle(ctx context.Context, t *testing.T, body string, h func(context.Context, []string) (int, error)) (given []string, redelivered string) {
	t.Helper()
	response, err := k(func(ctx context.Context, numbers []string) (int, error) {
		given = numbers
		return h(ctx, numbers)
	}, streambatch.Options{})(ctx, body)
	if err != nil || response.BatchItemFailures == nil || len(response.BatchItemFailures) > 1 {
		t.Fatalf("got %+v, %v", response, err)
	}
	if len(response.BatchItemFailures) == 1 {
		redelivered = response.BatchItemFailures[0].ItemIdentifier
	}
	return given, redelivered
}

// all is a handler that reports all records as done.
func all(_ context.Context, given []string) (int, error) { return len(given), nil }

func TestRowsAreDecoded(t *testing.T) {
	var images streambatch.Images
	if err := json.Unmarshal([]byte(batch(1)), &images); err != nil {
		t.Fatal(err)
	}
	b := streambatch.New(func(_ context.Context, records []streambatch.Record) (int, error) {
		row := records[0].Row
		if row.OrderID != "e10" || row.Version != 1 || row.Status != contracts.Held || !slices.Equal(row.Seats, []string{"A-1", "A-2"}) ||
			row.Amount.Minor != 12000 || row.HoldExpiresAt != 301000 || row.History[0].Cause != "PlaceOrder" {
			t.Errorf("got %+v", row)
		}
		return 1, nil
	}, streambatch.Options{})
	if response, err := b.Handle(t.Context(), images); err != nil || len(response.BatchItemFailures) > 0 {
		t.Errorf("got %+v, %v", response, err)
	}
}

// A hint is only the key: a record whose images cannot be decoded is a hint too, and so is the deletion of a row.
func TestHintsNeedOnlyTheKeys(t *testing.T) {
	var keys streambatch.Keys
	body := event(record(7, change(7)), record(8, `,"Keys":{"orderId":{"S":"e18"}},"NewImage":{"version":{"S":"no number"}}`), record(9, `,"Keys":{"orderId":{"S":"e19"}}`))
	if err := json.Unmarshal([]byte(body), &keys); err != nil {
		t.Fatal(err)
	}
	want := []streambatch.Hint{{SequenceNumber: "s7", OrderID: "e17"}, {SequenceNumber: "s8", OrderID: "e18"}, {SequenceNumber: "s9", OrderID: "e19"}}
	b := streambatch.NewHints(func(_ context.Context, hints []streambatch.Hint) (int, error) {
		if !slices.Equal(hints, want) {
			t.Errorf("got %+v, want %+v", hints, want)
		}
		return len(hints), nil
	}, streambatch.Options{})
	if response, err := b.Handle(t.Context(), keys); err != nil || len(response.BatchItemFailures) > 0 {
		t.Errorf("got %+v, %v", response, err)
	}
}

func TestTheFirstRecordThatIsNotDoneIsRedelivered(t *testing.T) {
	broken := errors.New("broken connection")
	both(t, func(t *testing.T, k kind) {
		for _, test := range []struct {
			done int
			err  error
			want string
		}{{3, nil, ""}, {0, broken, "s0"}, {1, broken, "s1"}, {2, nil, "s2"}, {3, broken, "s2"}, {-1, nil, "s0"}, {9, broken, "s2"}} {
			given, redelivered := k.handle(t.Context(), t, batch(3), func(context.Context, []string) (int, error) { return test.done, test.err })
			if redelivered != test.want || !slices.Equal(given, []string{"s0", "s1", "s2"}) {
				t.Errorf("%d done, %v of %v: %q is redelivered, want %q", test.done, test.err, given, redelivered, test.want)
			}
		}
	})
}

func TestAPanicRedeliversAllRecords(t *testing.T) {
	both(t, func(t *testing.T, k kind) {
		if _, redelivered := k.handle(t.Context(), t, batch(3), func(context.Context, []string) (int, error) { panic("oops") }); redelivered != "s0" {
			t.Errorf("%q is redelivered", redelivered)
		}
	})
}

// A record that cannot be decoded must not stop its shard for ever.
func TestUnreadableRecordsAreSkipped(t *testing.T) {
	for name, test := range map[string]struct {
		kind kind
		bad  []string
		// skipped is how many of the bad records are counted.
		skipped int
	}{
		"versions": {versions, []string{
			`,"NewImage":{"orderId":{"S":"x"},"version":{"S":"no number"}}`, `,"NewImage":{"orderId":{"B":"AAAA"}}`,
			`,"NewImage":{"orderId":{"S":"x"},"version":{"N":"0"}}`, `,"NewImage":{"version":{"N":"1"}}`, "", // the deletion of a row is not a version
		}, 4},
		"hints": {hints, []string{"", `,"Keys":{}`, `,"Keys":{"orderId":{"B":"AAAA"}}`, `,"Keys":{"seat":{"S":"A-1"}}`}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			records := []string{record(0, change(0))}
			for i, members := range test.bad {
				records = append(records, record(1+i, members))
			}
			records = append(records, record(99, change(99)))
			given, redelivered := test.kind.handle(t.Context(), t, event(records...), all)
			if !slices.Equal(given, []string{"s0", "s99"}) || redelivered != "" {
				t.Errorf("given %v, %q is redelivered", given, redelivered)
			}
			var metrics bytes.Buffer
			meter := telemetry.NewMeter(&metrics, "mirror", func() time.Time { return time.UnixMilli(0) })
			if _, err := test.kind(all, streambatch.Options{Meter: meter})(t.Context(), event(records...)); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(metrics.String(), `"RecordsPassedOver":1`); n != test.skipped {
				t.Errorf("%d records are counted as skipped, want %d: %s", n, test.skipped, metrics.String())
			}
			test.kind.handle(t.Context(), t, event(record(1, test.bad[0])), func(context.Context, []string) (int, error) {
				t.Error("the handler was called without records")
				return 0, nil
			})
		})
	}
}

// The caller's context already leaves time for the response, so no more is reserved here.
func TestTheHandlerHasAllOfTheContextsTime(t *testing.T) {
	end := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	both(t, func(t *testing.T, k kind) {
		k.handle(ctx, t, batch(1), func(ctx context.Context, _ []string) (int, error) {
			if budget, ok := ctx.Deadline(); !ok || !budget.Equal(end) {
				t.Errorf("the handler's time ends %s before the context's", end.Sub(budget))
			}
			return 1, nil
		})
	})
}

func FuzzHandle(f *testing.F) {
	f.Add([]byte(batch(1)))
	f.Add([]byte(`{"Records":[{"dynamodb":{"NewImage":{"orderId":{"L":[{"M":{}}]}}}}]}`))
	f.Add([]byte(`{"Records":[{"dynamodb":{"Keys":{"orderId":{"S":null}}}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var images streambatch.Images
		if err := json.Unmarshal(body, &images); err == nil {
			if _, err := streambatch.New(func(_ context.Context, records []streambatch.Record) (int, error) { return len(records), nil }, streambatch.Options{}).Handle(t.Context(), images); err != nil {
				t.Error(err)
			}
		}
		var keys streambatch.Keys
		if err := json.Unmarshal(body, &keys); err == nil {
			if _, err := streambatch.NewHints(func(_ context.Context, hints []streambatch.Hint) (int, error) { return len(hints), nil }, streambatch.Options{}).Handle(t.Context(), keys); err != nil {
				t.Error(err)
			}
		}
	})
}

// BenchmarkDecode measures how long Lambda's runtime takes to decode a batch of 100 versions: with both images, with the new
// images only, and with the keys only.
func BenchmarkDecode(b *testing.B) {
	var records []string
	for i := range 100 {
		newImage := fmt.Sprintf(image, i)
		records = append(records, record(i, fmt.Sprintf(`,"Keys":{"orderId":{"S":"e1%d"}},"NewImage":%s,"OldImage":%s`, i, newImage, newImage)))
	}
	body := []byte(event(records...))
	for name, into := range map[string]func() any{
		"both images": func() any { return &events.DynamoDBEvent{} },
		"new images":  func() any { return &streambatch.Images{} },
		"keys":        func() any { return &streambatch.Keys{} },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := json.Unmarshal(body, into()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
