package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/memory/memqueue"
)

// failing returns a function that reports the records with these bodies as failed and returns them at once.
func failing(q Queue, bodies ...string) memqueue.Function {
	return func(ctx context.Context, batch events.SQSEvent) (answer events.SQSEventResponse, err error) {
		var back []memqueue.Message
		for _, r := range batch.Records {
			for _, body := range bodies {
				if r.Body != body {
					continue
				}
				answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
				m := memqueue.Message{Receipt: r.ReceiptHandle}
				m.MessageID = r.MessageId
				back = append(back, m)
			}
		}
		return answer, q.ReturnAfter(ctx, receipts(back), 0)
	}
}

func (f *fixture) deliver(function memqueue.Function) (int, error) {
	f.t.Helper()
	return memqueue.Deliver(f.t.Context(), f.q, 10, function)
}

func (f *fixture) partialFailure() {
	f.send("a", 1, 2, 3)
	f.send("b", 1, 2)
	if n, err := f.deliver(failing(f.q, "a2", "a3")); n != 5 || err != nil {
		f.t.Fatalf("%d messages, %v", n, err)
	}
	f.send("a", 4)
	// A response that names no message deletes all.
	if n, err := f.deliver(func(_ context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
		var bodies string
		for _, r := range batch.Records {
			bodies += r.Body + "x" + r.Attributes["ApproximateReceiveCount"] + " "
		}
		if bodies != "a2x2 a3x2 a4x1 " {
			f.t.Errorf("delivered %q", bodies)
		}
		return events.SQSEventResponse{}, nil
	}); n != 3 || err != nil {
		f.t.Fatalf("%d messages, %v", n, err)
	}
	f.want("")
}

func (f *fixture) wholeFailure() {
	f.send("a", 1, 2)
	from := f.Now()
	_, err := f.deliver(func(_ context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
		return events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{{ItemIdentifier: batch.Records[1].MessageId}, {ItemIdentifier: "another"}}}, nil
	})
	if !errors.Is(err, memqueue.ErrUnknownItem) {
		f.t.Errorf("a name that is not in the batch: %v", err)
	}
	// Nothing was deleted and no visibility was changed.
	if _, after := f.wantLater("a1 a2", from); after < short {
		f.t.Errorf("came again after %s", after)
	}
	crash := errors.New("crashed")
	for n, begun := 0, f.Now(); n == 0; f.Pass(50 * time.Millisecond) {
		if f.Now().Sub(begun) > within {
			f.t.Fatal("the messages were not redelivered")
		}
		n, err = f.deliver(func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
			return events.SQSEventResponse{}, crash
		})
		if n > 0 && !errors.Is(err, crash) {
			f.t.Errorf("a function that fails: %v", err)
		}
	}
	f.wantLater("a1 a2", f.Now())
}
