package sqsletters_test

import (
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/awsclient"
	"boxoffice/consumers/internal/awsfaults"
	"boxoffice/consumers/internal/ministacktest"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/sqsletters"
	"boxoffice/consumers/internal/sqssend"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

// A letter is judged by what is outside of its body, which may be anything: its kind, its order, its buyer and why it was taken
// out of its queue are message attributes, its group and its time are SQS's own.
func TestALetterComesWithAllThatIsKnownOfIt(t *testing.T) {
	ministacktest.Setenv(t)
	config, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	faults := awsfaults.Into(&config)
	client := sqs.NewFromConfig(config)
	created, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String("dead.fifo"), Attributes: map[string]string{"FifoQueue": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	letter := message.Delivery{
		MessageID: "m-1", Group: "nocturne#A", Body: "not JSON", Attributes: message.Attributes{
			Kind: message.KindPlaceOrder, OrderID: "e1000000000000000000000000000000", UserID: "anna", ConcertID: "nocturne", Group: "A", Trace: "trace",
		},
	}
	sentFrom := contracts.InstantOf(time.Now())
	if err := sqssend.New(client, nil, retry.NoBreaker{}).At(*created.QueueUrl).Copy(t.Context(), letter, "attempts"); err != nil {
		t.Fatal(err)
	}
	q := sqsletters.New(client, "orders-dead", *created.QueueUrl, retry.NoBreaker{})
	// The emulator gives them unasked, SQS does not.
	asked := map[string]any{}
	faults.Next("ReceiveMessage", awsfaults.Seen(func(body map[string]any) { asked = body }))
	var got []reconcile.Letter
	if got, err = q.Receive(t.Context()); err != nil || len(got) != 1 {
		t.Fatalf("%d letters, %v", len(got), err)
	}
	for _, names := range []string{"MessageAttributeNames", "MessageSystemAttributeNames"} {
		if all, _ := asked[names].([]any); len(all) != 1 || all[0] != "All" {
			t.Errorf("%s asked for are %v", names, asked[names])
		}
	}
	one := got[0]
	if one.Attributes != letter.Attributes || one.Reason != "attempts" || one.Body != letter.Body || one.Group != letter.Group {
		t.Errorf("received %+v", one)
	}
	if one.MessageID == "" || len(one.SequenceNumber) != 20 || one.SentAt < sentFrom || one.SentAt > contracts.InstantOf(time.Now()) {
		t.Errorf("message %q, number %q, sent at %s", one.MessageID, one.SequenceNumber, one.SentAt)
	}
	if err := q.Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if left, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: created.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}}); err != nil || left.Attributes["ApproximateNumberOfMessagesNotVisible"] != "0" || left.Attributes["ApproximateNumberOfMessages"] != "0" {
		t.Errorf("left after the delete: %v, %v", left, err)
	}
}
