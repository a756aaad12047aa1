package reconcile_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// givenUp is a letter in the form that Lambda documents for the destination of failed stream records.
const givenUp = `{
  "requestContext": {
    "requestId": "316aa6d0-8154-4d42-9af7-85d5f4a6bc81",
    "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:mirror",
    "condition": "RecordAgeExceeded",
    "approximateInvokeCount": 7
  },
  "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
  "version": "1.0",
  "timestamp": "2026-11-14T00:13:49.717Z",
  "DDBStreamBatchInfo": {
    "shardId": "shardId-00000001573689847184-864758bb",
    "startSequenceNumber": "800000000003126276362",
    "endSequenceNumber": "800000000003126276399",
    "approximateArrivalOfFirstRecord": "2026-11-13T01:13:19Z",
    "approximateArrivalOfLastRecord": "2026-11-13T01:13:20Z",
    "batchSize": 12,
    "streamArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-11-14T00:04:06.388"
  }
}`

// withStreamFailures gives the reconciler a queue of letters about streams.
func (w *fixture) withStreamFailures(t *testing.T) *deadQueue {
	t.Helper()
	q := newDeadQueue("stream-failures", w)
	w.dead = append(w.dead, q)
	w.reconciler.StreamFailures, w.reconciler.Meter = q, w.Meter("reconcile")
	return q
}

// streamLetter puts a letter into that queue, which is the last one.
func (w *fixture) streamLetter(t *testing.T, body string) (id string) {
	t.Helper()
	return w.letter(t, len(w.dead)-1, "letters", message.Attributes{}, body, "")
}

func instant(t *testing.T, text string) contracts.Instant {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return contracts.InstantOf(at)
}

// Records that mirror or publish gave up are reported by a row, an error in the log and a metric with an alarm. The letter names
// them by shard and sequence numbers, since it does not have the records.
func TestRecordsThatWereGivenUpAreKeptAndReported(t *testing.T) {
	w := newFixture(t)
	q := w.withStreamFailures(t)
	id := w.streamLetter(t, givenUp)
	report, err := w.run(t)
	if err != nil || report.StreamFailures != 1 || report.DeadLetters != 0 || len(q.left) != 0 {
		t.Errorf("report %+v, %d letters left, %v", report, len(q.left), err)
	}
	want := readmodel.DeadLetter{
		MessageKey: "stream#" + id, Queue: "stream-failures", Reason: "RecordAgeExceeded", Body: givenUp, At: w.Instant(),
		Stream: &readmodel.StreamFailure{
			FunctionARN: "arn:aws:lambda:eu-central-1:123456789012:function:mirror",
			StreamARN:   "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-11-14T00:04:06.388",
			ShardID:     "shardId-00000001573689847184-864758bb", StartSequence: "800000000003126276362", EndSequence: "800000000003126276399",
			Records: 12, Attempts: 7, FirstAt: instant(t, "2026-11-13T01:13:19Z"), LastAt: instant(t, "2026-11-13T01:13:20Z"),
		},
	}.Fitted()
	if got := w.Letters()["stream#"+id]; !reflect.DeepEqual(got, want) {
		t.Errorf("kept %+v with %+v, want %+v with %+v", got, got.Stream, want, want.Stream)
	}
	var line map[string]any
	for text := range strings.Lines(w.Logs.String()) {
		if strings.Contains(text, "given up") {
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
		}
	}
	for key, value := range map[string]any{
		"level": "ERROR", telemetry.KeyFunctionARN: want.Stream.FunctionARN, telemetry.KeyShard: want.Stream.ShardID,
		telemetry.KeySequence: want.Stream.StartSequence, telemetry.KeyLastSequence: want.Stream.EndSequence, telemetry.KeyReason: want.Reason,
		telemetry.KeyCount: 12.0,
	} {
		if line[key] != value {
			t.Errorf("%s in the log is %v, want %v", key, line[key], value)
		}
	}
	if !strings.Contains(w.Metrics.String(), `"StreamFailures":1`) {
		t.Errorf("metrics %s", w.Metrics.String())
	}
	// Every run sends these two kinds.
	for kind := range w.kinds() {
		if kind != message.KindFetchEvents && kind != message.KindAuditLedger {
			t.Errorf("a letter about a stream led to %s", kind)
		}
	}
}

// Any letter in the queue is kept as it is: an operator has to read it.
func TestALetterAboutAStreamThatCannotBeReadIsKept(t *testing.T) {
	for _, body := range []string{
		" ", "null", "[]", "{}", "not JSON", `{"DDBStreamBatchInfo":null}`, `{"DDBStreamBatchInfo":{}}`, `{"DDBStreamBatchInfo":{"shardId":7}}`,
		`{"KinesisBatchInfo":{"shardId":"s","startSequenceNumber":"1"}}`, strings.Replace(givenUp, "2026-11-13T01:13:19Z", "yesterday", 1),
	} {
		w := newFixture(t)
		q := w.withStreamFailures(t)
		id := w.streamLetter(t, body)
		report, err := w.run(t)
		kept := w.Letters()["stream#"+id]
		if err != nil || report.StreamFailures != 1 || kept.Body != body || kept.Stream != nil || kept.Reason != "unreadable" || len(q.left) != 0 {
			t.Errorf("%q: report %+v, kept for %q, %v", body, report, kept.Reason, err)
		}
		if !strings.Contains(w.Logs.String(), `"level":"ERROR"`) {
			t.Errorf("%q: no error in the log", body)
		}
	}
}

// A letter that was not kept, for any reason, stays in its queue, and holds up neither the letters beside it nor those of other
// queues.
func TestALetterAboutAStreamIsNotLost(t *testing.T) {
	w := newFixture(t)
	q := w.withStreamFailures(t)
	refused, panics := w.streamLetter(t, `{"refused":true}`), w.streamLetter(t, `{"panics":true}`)
	w.Inject(refusing("stream#"+refused), panickingAt("stream#"+panics))
	well := w.streamLetter(t, givenUp)
	dead := w.dies(t, message.RebuildGroup{ConcertID: "nocturne", Group: "A", CommandID: "v1"})
	report, err := w.run(t)
	if err == nil || report.StreamFailures != 1 || report.DeadLetters != 1 || report.Left.Letters != 2 {
		t.Errorf("report %+v, %v", report, err)
	}
	if !q.left[refused] || !q.left[panics] || q.left[well] || w.Letters()["message#"+dead].MessageKey == "" {
		t.Errorf("left %v, kept %d letters", q.left, len(w.Letters()))
	}

	w = newFixture(t)
	q = w.withStreamFailures(t)
	id := w.streamLetter(t, givenUp)
	w.Inject(world.Fails(world.KeepLetter).Always())
	if report, err := w.run(t); err == nil || report.StreamFailures != 0 || !q.left[id] {
		t.Errorf("report %+v, %v: a letter that could not be kept is gone", report, err)
	}
	w.Heal()
	w.SetTime(w.Instant() + minute)
	if report, err := w.run(t); err != nil || report.StreamFailures != 1 || q.left[id] {
		t.Errorf("the next run: report %+v, %v", report, err)
	}
}

// A letter that was kept and not deleted is drained again, into the same row.
func TestALetterAboutAStreamThatIsDrainedTwiceIsOneRow(t *testing.T) {
	w := newFixture(t)
	q := w.withStreamFailures(t)
	id := w.streamLetter(t, givenUp)
	w.Inject(world.Fails(deleteLetter).Always())
	if _, err := w.run(t); err == nil || !q.left[id] || !strings.Contains(w.Metrics.String(), `"StreamFailures":1`) {
		t.Errorf("left %v, %v, metrics %s", q.left, err, w.Metrics.String())
	}
	w.Heal()
	w.SetTime(w.Instant() + minute)
	if report, err := w.run(t); err != nil || report.StreamFailures != 1 || len(w.Letters()) != 1 || len(q.left) != 0 {
		t.Errorf("report %+v, kept %d letters, %v", report, len(w.Letters()), err)
	}
}
