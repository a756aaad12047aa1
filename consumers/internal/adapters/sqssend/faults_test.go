package sqssend_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/contracts/message"
)

// Send returns the right error for each way in which it can fail. After any of them, the same send again puts every message
// into the queue once: deduplication drops those that were there.
func TestSendFaults(t *testing.T) {
	throttle := awsfaults.Throttled("RequestThrottled")
	for _, test := range []struct {
		name   string
		faults []awsfaults.Fault
		// rejected and failed say which errors the error contains; neither with fails means an error of the whole call.
		fails, rejected, failed bool
		// sent is the number of the three messages that are in the queue afterwards.
		sent int
	}{
		{name: "an entry throttled", faults: []awsfaults.Fault{awsfaults.EntriesFailed("ThrottlingException", false, 1)}, fails: true, failed: true, sent: 2},
		{name: "an entry rejected", faults: []awsfaults.Fault{awsfaults.EntriesFailed("InvalidMessageContents", true, 0)}, fails: true, rejected: true, sent: 2},
		{name: "all entries failed", faults: []awsfaults.Fault{awsfaults.EntriesFailed("InternalError", false, 0, 1, 2)}, fails: true, failed: true},
		{name: "throttled once", faults: []awsfaults.Fault{throttle}, sent: 3},
		{name: "throttled", faults: []awsfaults.Fault{throttle, awsfaults.Throttled("RequestLimitExceeded")}, fails: true},
		{name: "answer lost", faults: []awsfaults.Fault{awsfaults.Lost}, sent: 3},
		{name: "both answers lost", faults: []awsfaults.Fault{awsfaults.Lost, awsfaults.Lost}, fails: true, sent: 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, faults := newBrokenFixture(t)
			faults.Next("SendMessageBatch", test.faults...)
			messages := []message.Encoded{expiry(t, 1), expiry(t, 2), expiry(t, 3)}
			err := r.sender.Send(t.Context(), messages...)
			var rejected *sqssend.RejectedError
			var failed *sqssend.FailedError
			if (err != nil) != test.fails || errors.As(err, &rejected) != test.rejected || errors.As(err, &failed) != test.failed || faults.Left() > 0 {
				t.Fatalf("error %v with %d faults left", err, faults.Left())
			}
			if err != nil && retry.Classify(err).Class != retry.ClassRetryable {
				t.Errorf("%v does not return the message", err)
			}
			if n := r.waiting(t, message.QueueExpiries); n != test.sent {
				t.Errorf("%d messages are in the queue, want %d", n, test.sent)
			}
			if err := r.sender.Send(t.Context(), messages...); err != nil {
				t.Fatal(err)
			}
			bodies := map[string]bool{}
			for _, m := range r.receive(t, message.QueueExpiries, len(messages)) {
				bodies[*m.Body] = true
			}
			if n := r.waiting(t, message.QueueExpiries); len(bodies) != len(messages) || n != 0 {
				t.Errorf("%d of %d messages came, and %d more are there", len(bodies), len(messages), n)
			}
		})
	}
}

// Messages whose return failed stay invisible for the queue's own timeout, so the error must name them.
func TestReturnAfterNamesFailedEntry(t *testing.T) {
	r, faults := newBrokenFixture(t)
	if err := r.sender.Send(t.Context(), expiry(t, 1), expiry(t, 2)); err != nil {
		t.Fatal(err)
	}
	var receipts []sqsbatch.Receipt
	for _, m := range r.receive(t, message.QueueExpiries, 2) {
		receipts = append(receipts, sqsbatch.Receipt{MessageID: *m.MessageId, Handle: *m.ReceiptHandle})
	}
	faults.Next("ChangeMessageVisibilityBatch", awsfaults.EntriesFailed("InternalError", false, 1))
	err := r.sender.At(r.urls[message.QueueExpiries]).ReturnAfter(t.Context(), receipts, 0)
	var failed *sqssend.FailedError
	if !errors.As(err, &failed) || failed.Code != "InternalError" || sqssend.Healthy(err) {
		t.Errorf("error %v", err)
	}
	if n := r.waiting(t, message.QueueExpiries); n != 1 {
		t.Errorf("%d messages are visible, want the one that was returned", n)
	}
	if err := r.sender.At(r.urls[message.QueueExpiries]).ReturnAfter(t.Context(), receipts, 0); err != nil {
		t.Errorf("the queue is not called any more: %v", err)
	}
}

// Visibility reads the queue's timeout, and returns an error, not 0, for a response without one.
func TestVisibilityOfAQueue(t *testing.T) {
	r, faults := newBrokenFixture(t)
	url := r.urls[message.QueueExpiries]
	if _, err := r.client.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": "77"}}); err != nil {
		t.Fatal(err)
	}
	faults.Next("GetQueueAttributes", awsfaults.Throttled("RequestThrottled"))
	if got, err := r.sender.At(url).Visibility(t.Context()); err != nil || got != 77*time.Second {
		t.Errorf("got %s, %v", got, err)
	}
	faults.Next("GetQueueAttributes", awsfaults.Lost, awsfaults.Lost)
	if got, err := r.sender.At(url).Visibility(t.Context()); !errors.Is(err, awsfaults.ErrLost) || got != 0 {
		t.Errorf("without an answer: %s, %v", got, err)
	}
}

// newBrokenFixture is a fixture whose sender's calls fail as planned; another client reads the queues.
func newBrokenFixture(t *testing.T) (*fixture, *awsfaults.Faults) {
	t.Helper()
	r := newFixture(t)
	cfg := r.config.Copy()
	faults := awsfaults.Into(&cfg)
	r.sender = sqssend.New(sqs.NewFromConfig(cfg), r.urls, retry.NoBreaker{})
	return r, faults
}
