package sqssend_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

func valuesOf(attributes map[string]types.MessageAttributeValue) map[string]string {
	values := map[string]string{}
	for name, a := range attributes {
		values[name] = aws.ToString(a.StringValue)
	}
	return values
}

// 23 expiries (three calls) and a message of another queue arrive complete and in order; a second send adds nothing.
func TestSendArrives(t *testing.T) {
	r := newFixture(t)
	var sent []message.Encoded
	for n := range 23 {
		sent = append(sent, expiry(t, n))
	}
	all := append([]message.Encoded{sent[0], rebuild(t)}, sent[1:]...)
	for range 2 {
		if err := r.sender.Send(t.Context(), all...); err != nil {
			t.Fatal(err)
		}
	}
	var got []types.Message
	for len(got) < len(sent) {
		part := r.receive(t, message.QueueExpiries, 1)
		r.remove(t, message.QueueExpiries, part...)
		got = append(got, part...)
	}
	for i, m := range got {
		if *m.Body != sent[i].Body || !maps.Equal(valuesOf(m.MessageAttributes), sent[i].Attributes.Map()) ||
			m.Attributes["MessageGroupId"] != "concert#a" || m.Attributes["MessageDeduplicationId"] != sent[i].DeduplicationID {
			t.Errorf("message %d is %+v, want %+v", i, m, sent[i])
		}
	}
	if one := r.receive(t, message.QueueOrders, 1); *one[0].Body != rebuild(t).Body {
		t.Errorf("in orders: %s", *one[0].Body)
	}
}

func TestSendNothing(t *testing.T) {
	if err := newFixture(t).sender.Send(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSendWithoutAddressSendsNothing(t *testing.T) {
	r := newFixture(t)
	elsewhere := sqssend.New(r.client, map[message.Queue]string{message.QueueOrders: r.urls[message.QueueOrders]}, retry.NoBreaker{})
	err := elsewhere.Send(t.Context(), rebuild(t), expiry(t, 1))
	if !errors.Is(err, sqssend.ErrNoAddress) || !strings.Contains(err.Error(), "ExpireHold to expiries") {
		t.Errorf("error %v", err)
	}
	if n := r.waiting(t, message.QueueOrders); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// A character that SQS does not allow rejects its entry alone. The queue is healthy, so the breaker stays closed.
func TestRejectedEntryNamesItsCode(t *testing.T) {
	r := newFixture(t)
	bad := expiry(t, 2)
	bad.Body = "\x00"
	err := r.sender.Send(t.Context(), expiry(t, 1), bad, expiry(t, 3))
	var rejected *sqssend.RejectedError
	if !errors.As(err, &rejected) || rejected.Code == "" || !strings.Contains(err.Error(), rejected.Code) || !sqssend.Healthy(err) {
		t.Fatalf("error %v, want a RejectedError with a code", err)
	}
	if got := r.receive(t, message.QueueExpiries, 2); *got[1].Body != expiry(t, 3).Body {
		t.Errorf("second message %s", *got[1].Body)
	}
	if err := r.sender.Send(t.Context(), rebuild(t)); err != nil {
		t.Errorf("the breaker opened: %v", err)
	}
}

// The whole rest of a group is redelivered at once and in order. The error names an invalid receipt.
func TestReturnAfter(t *testing.T) {
	r := newFixture(t)
	for n := range 3 {
		if err := r.sender.Send(t.Context(), expiry(t, n)); err != nil {
			t.Fatal(err)
		}
	}
	first := r.receive(t, message.QueueExpiries, 3)
	var receipts []sqsbatch.Receipt
	for _, m := range first {
		receipts = append(receipts, sqsbatch.Receipt{MessageID: *m.MessageId, Handle: *m.ReceiptHandle})
	}
	began := time.Now()
	if err := r.sender.At(r.urls[message.QueueExpiries]).ReturnAfter(t.Context(), receipts, 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	again := r.receive(t, message.QueueExpiries, 3)
	if waited := time.Since(began); waited < 500*time.Millisecond {
		t.Errorf("visible after %s, before the 500 ms asked for", waited)
	}
	for i := range again {
		if *again[i].MessageId != *first[i].MessageId || again[i].Attributes["ApproximateReceiveCount"] != "2" {
			t.Errorf("message %d came back as %+v", i, again[i])
		}
	}
	err := r.sender.At(r.urls[message.QueueExpiries]).ReturnAfter(t.Context(), []sqsbatch.Receipt{{MessageID: "m", Handle: "nonsense"}}, 0)
	if err == nil {
		t.Error("a receipt that is none was accepted")
	}
}

func TestCopyKeepsTheMessageAndItsReason(t *testing.T) {
	r := newFixture(t)
	if err := r.sender.Send(t.Context(), expiry(t, 1)); err != nil {
		t.Fatal(err)
	}
	got := r.receive(t, message.QueueExpiries, 1)[0]
	d := message.Delivery{
		MessageID: *got.MessageId, Group: got.Attributes["MessageGroupId"], Body: *got.Body,
		Attributes: message.AttributesOf(valuesOf(got.MessageAttributes)),
	}
	dead := r.sender.At(r.urls["dead"])
	for range 2 {
		if err := dead.Copy(t.Context(), d, "malformed"); err != nil {
			t.Fatal(err)
		}
	}
	noGroup := message.Delivery{MessageID: "m2", Body: "not JSON"}
	if err := dead.Copy(t.Context(), noGroup, ""); err != nil {
		t.Fatal(err)
	}
	copies := r.receive(t, "dead", 2)
	want := expiry(t, 1).Attributes.Map()
	want[message.AttributeReason] = "malformed"
	if len(copies) != 2 || *copies[0].Body != d.Body || !maps.Equal(valuesOf(copies[0].MessageAttributes), want) ||
		copies[0].Attributes["MessageGroupId"] != d.Group || copies[0].Attributes["MessageDeduplicationId"] != d.MessageID {
		t.Errorf("%d copies, the first %+v", len(copies), copies[0])
	}
	if *copies[1].Body != "not JSON" || copies[1].Attributes["MessageGroupId"] != "m2" {
		t.Errorf("second copy %+v", copies[1])
	}
}

// script returns scripted results of batch calls that no emulator produces on demand: throttled and missing entries, calls
// that hang.
type script struct {
	sqssend.Client
	failed   []types.BatchResultErrorEntry
	lost     int
	hang     bool
	mu       sync.Mutex
	seconds  []int32
	requests int
}

func (s *script) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	if s.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	out := &sqs.SendMessageBatchOutput{Failed: s.failed}
	for i, e := range in.Entries {
		bad := slices.ContainsFunc(s.failed, func(f types.BatchResultErrorEntry) bool { return *f.Id == *e.Id })
		if !bad && i >= s.lost {
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}

func (s *script) ChangeMessageVisibilityBatch(_ context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	for _, e := range in.Entries {
		s.seconds = append(s.seconds, e.VisibilityTimeout)
	}
	return &sqs.ChangeMessageVisibilityBatchOutput{Failed: s.failed, Successful: make([]types.ChangeMessageVisibilityBatchResultEntry, len(in.Entries)-len(s.failed))}, nil
}

var expiriesOnly = map[message.Queue]string{message.QueueExpiries: "url"}

func entry(id, code string, sender bool) types.BatchResultErrorEntry {
	return types.BatchResultErrorEntry{Id: aws.String(id), Code: aws.String(code), Message: aws.String("why"), SenderFault: sender}
}

func TestFailedEntries(t *testing.T) {
	for _, c := range []struct {
		name    string
		failed  []types.BatchResultErrorEntry
		lost    int
		codes   []string
		healthy bool
	}{
		{name: "none", healthy: true},
		{name: "throttled", failed: []types.BatchResultErrorEntry{entry("1", "RequestThrottled", false)}, codes: []string{"RequestThrottled"}},
		{name: "sender's fault", failed: []types.BatchResultErrorEntry{entry("1", "InvalidMessageContents", true)}, codes: []string{"InvalidMessageContents"}, healthy: true},
		{name: "both", failed: []types.BatchResultErrorEntry{entry("0", "InvalidMessageContents", true), entry("1", "InternalError", false)}, codes: []string{"InvalidMessageContents", "InternalError"}},
		{name: "in neither list", lost: 1, codes: []string{"Unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &script{failed: c.failed, lost: c.lost}
			err := sqssend.New(client, expiriesOnly, retry.NoBreaker{}).Send(t.Context(), expiry(t, 1), expiry(t, 2))
			if (err == nil) != (len(c.codes) == 0) || sqssend.Healthy(err) != c.healthy {
				t.Fatalf("error %v, healthy %t", err, sqssend.Healthy(err))
			}
			for _, code := range c.codes {
				if !strings.Contains(err.Error(), code) {
					t.Errorf("error %v does not name %s", err, code)
				}
			}
			if err != nil && retry.Classify(err).Class != retry.ClassRetryable {
				t.Errorf("%v is not retryable", err)
			}
		})
	}
}

func TestReturnReportsFailedEntries(t *testing.T) {
	client := &script{failed: []types.BatchResultErrorEntry{entry("0", "ReceiptHandleIsInvalid", true)}}
	err := sqssend.New(client, nil, retry.NoBreaker{}).At("url").ReturnAfter(t.Context(), make([]sqsbatch.Receipt, 12), time.Second)
	if err == nil || strings.Count(err.Error(), "ReceiptHandleIsInvalid") != 2 || client.requests != 2 {
		t.Errorf("%d requests, error %v: want both calls made and both failures reported", client.requests, err)
	}
}

func TestVisibilityIsWholeSecondsRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]int32{
		-time.Second: 0, 0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 30 * time.Second: 30, 12 * time.Hour: 43200, 99 * time.Hour: 43200,
	} {
		client := &script{}
		if err := sqssend.New(client, nil, retry.NoBreaker{}).At("url").ReturnAfter(t.Context(), make([]sqsbatch.Receipt, 2), d); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(client.seconds, []int32{want, want}) {
			t.Errorf("%s became %v s, want %d", d, client.seconds, want)
		}
	}
}

// A call that hangs ends after its own timeout, long before the handler's, and opens the breaker like any failure.
func TestHangingCallEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		breaker := retry.NewBreaker("sqs", retry.BreakerOptions{Failures: 1, IsSuccessful: sqssend.Healthy})
		sender := sqssend.New(&script{hang: true}, expiriesOnly, breaker)
		began := time.Now()
		err := sender.Send(t.Context(), expiry(t, 1))
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		if err := sender.Send(t.Context(), expiry(t, 1)); !errors.Is(err, retry.ErrBreakerOpen) {
			t.Errorf("error %v, want an open breaker", err)
		}
	})
}

func TestErrorsDoNotHoldTheBody(t *testing.T) {
	client := &script{failed: []types.BatchResultErrorEntry{entry("0", "InternalError", false)}}
	m := expiry(t, 1)
	if err := sqssend.New(client, expiriesOnly, retry.NoBreaker{}).Send(t.Context(), m); strings.Contains(fmt.Sprint(err), m.Body) {
		t.Errorf("error %v", err)
	}
}

// Only an answer of SQS shows that a queue is healthy. A cancelled call or a timeout does not, and as the probe of an open
// breaker it must not close it.
func TestHealthy(t *testing.T) {
	rejected, failed := &sqssend.RejectedError{Code: "InvalidParameterValue"}, &sqssend.FailedError{Code: "InternalError"}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, true}, {rejected, true}, {fmt.Errorf("send: %w", rejected), true},
		{failed, false}, {errors.Join(rejected, failed), false}, {errors.New("connection reset"), false},
		{context.Canceled, false}, {context.DeadlineExceeded, false}, {fmt.Errorf("send: %w", context.Canceled), false},
	} {
		if got := sqssend.Healthy(c.err); got != c.want {
			t.Errorf("%v: healthy %v", c.err, got)
		}
	}
}

// copies records what Copy sends.
type copies struct {
	sqssend.Client
	sent []*sqs.SendMessageInput
}

func (c *copies) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	c.sent = append(c.sent, in)
	return &sqs.SendMessageOutput{}, nil
}

// SQS refuses a message of a standard queue with a deduplication id. The emulator takes it.
func TestCopyToAStandardQueueHasNeitherGroupNorDeduplicationID(t *testing.T) {
	for url, fifo := range map[string]bool{"https://sqs.example/1/dead": false, "https://sqs.example/1/dead.fifo": true} {
		c := &copies{}
		if err := sqssend.New(c, nil, retry.NoBreaker{}).At(url).Copy(t.Context(), message.Delivery{MessageID: "m1", Body: "b"}, "reason"); err != nil {
			t.Fatal(err)
		}
		if in := c.sent[0]; (in.MessageGroupId != nil) != fifo || (in.MessageDeduplicationId != nil) != fifo {
			t.Errorf("%s: group %v, deduplication id %v", url, in.MessageGroupId, in.MessageDeduplicationId)
		}
	}
}
