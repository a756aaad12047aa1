package sqsbatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// printingQueue is a Queue that prints its calls.
type printingQueue struct{}

// ReturnAfter implements sqsbatch.Queue.
func (printingQueue) ReturnAfter(_ context.Context, receipts []sqsbatch.Receipt, d time.Duration) error {
	for _, r := range receipts {
		fmt.Printf("%s is visible again after %s\n", r.MessageID, d)
	}
	return nil
}

// A batch with the messages of two groups: in "parterre", the first message is done, and the second is poison, is buried, and
// does not stop its group; in "balcony", a dependency fails, so the message and the one after it are returned together.
func Example() {
	var event events.SQSEvent
	for _, m := range []struct{ id, group string }{
		{"done", "parterre"}, {"poison", "parterre"}, {"retryable", "balcony"}, {"follower", "balcony"},
	} {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: m.id, ReceiptHandle: "receipt of " + m.id, Attributes: map[string]string{"MessageGroupId": m.group},
		})
	}
	handler := func(_ context.Context, d message.Delivery) error {
		switch d.MessageID {
		case "retryable":
			return retry.WithDelay(2*time.Second, errors.New("the seat group is being loaded"))
		case "poison":
			return retry.Poison(retry.ReasonMalformed, errors.New("the body is not JSON"))
		default:
			return nil
		}
	}
	bury := func(_ context.Context, d message.Delivery, reason string) error {
		fmt.Printf("%s is buried: %s\n", d.MessageID, reason)
		return nil
	}
	// One group after another, so that the output has a fixed order.
	options := sqsbatch.Options{Go: func(f func()) { f() }}
	response, err := sqsbatch.New(handler, printingQueue{}, bury, options).Handle(context.Background(), event)
	if err != nil {
		fmt.Println(err)
	}
	body, err := json.Marshal(response)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(string(body))
	// Output:
	// poison is buried: malformed
	// retryable is visible again after 2s
	// follower is visible again after 2s
	// {"batchItemFailures":[{"itemIdentifier":"retryable"},{"itemIdentifier":"follower"}]}
}
