package sqsletters_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/adapters/sqsletters"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

// dead is a dead-letter queue on a real server, with the tests' visibility timeout.
type dead struct {
	*sqsletters.Queue
	client *sqs.Client
	sender *sqssend.Sender
	url    string
}

func newDead(t *testing.T, visibility time.Duration) dead {
	t.Helper()
	ministacktest.Setenv(t)
	config, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(config)
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders-dead.fifo"), Attributes: map[string]string{
		"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
		"VisibilityTimeout": fmt.Sprint(int(visibility.Seconds())),
	}})
	if err != nil {
		t.Fatal(err)
	}
	url := aws.ToString(out.QueueUrl)
	return dead{
		Queue: sqsletters.New(client, "orders-dead", url, retry.NoBreaker{}), client: client, url: url,
		sender: sqssend.New(client, map[message.Queue]string{message.QueueOrders: url, message.QueuePayments: url}, retry.NoBreaker{}),
	}
}

// send sends one of our messages to the queue, as SQS moves it.
func (d dead) send(t *testing.T, m message.Message) message.Encoded {
	t.Helper()
	encoded, err := message.Encode(m, "trace-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.sender.Send(t.Context(), encoded); err != nil {
		t.Fatal(err)
	}
	return encoded
}

// receive waits for n letters.
func (d dead) receive(t *testing.T, n int) (letters []reconcile.Letter) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); len(letters) < n; {
		got, err := d.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if letters = append(letters, got...); len(got) > 0 {
			continue
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d letters came", len(letters), n)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return letters
}

// A letter has all that its order can be settled by: body, attributes, group, sequence number, time, receive count, and the
// reason if it is poison.
func TestReceiveReturnsWholeLetter(t *testing.T) {
	d := newDead(t, 30*time.Second)
	begun := contracts.InstantOf(time.Now())
	moved := d.send(t, message.CancelOrder{OrderID: "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", ConcertID: "vienna", Group: "A", CommandID: "v1"})
	poison := message.Delivery{
		MessageID: "m-1", Group: "vienna#B", Body: "not JSON",
		Attributes: message.Attributes{Kind: message.KindPlaceOrder, OrderID: "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4", UserID: "anna", ConcertID: "vienna", Group: "B", Trace: "trace-2"},
	}
	if err := d.sender.Copy(t.Context(), d.url, poison, "malformed"); err != nil {
		t.Fatal(err)
	}
	byGroup := map[string]reconcile.Letter{}
	for _, l := range d.receive(t, 2) {
		byGroup[l.Group] = l
		if l.MessageID == "" || l.Receipt == "" || l.SequenceNumber == "" || l.SentAt < begun-60_000 || l.SentAt > begun+60_000 || l.ReceiveCount != 1 {
			t.Errorf("letter %+v", l)
		}
	}
	if l := byGroup["vienna#A"]; l.Body != moved.Body || l.Attributes != moved.Attributes || l.Reason != "" {
		t.Errorf("moved by SQS: %+v, want %+v", l, moved)
	}
	if l := byGroup["vienna#B"]; l.Body != poison.Body || l.Attributes != poison.Attributes || l.Reason != "malformed" {
		t.Errorf("poison: %+v, want %+v", l, poison)
	}
}

// A queue is drained to its end although it returns ten letters of a group at a time, and a deleted letter is not received
// again.
func TestQueueIsDrained(t *testing.T) {
	d := newDead(t, time.Second)
	const letters = 25
	for i := range letters {
		d.send(t, message.RebuildGroup{ConcertID: "vienna", Group: "A", CommandID: fmt.Sprint(i)})
	}
	seen := map[string]bool{}
	for len(seen) < letters {
		for _, l := range d.receive(t, 1) {
			if seen[l.MessageID] {
				t.Fatalf("letter %s was received again", l.MessageID)
			}
			seen[l.MessageID] = true
			if err := d.Delete(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := d.Receive(t.Context()); len(got) > 0 || err != nil {
		t.Errorf("%d letters are left, %v", len(got), err)
	}
}

// A postponed letter stays in the queue for longer than the queue's visibility timeout.
func TestPostponeHidesLetter(t *testing.T) {
	d := newDead(t, time.Second)
	d.send(t, message.RebuildGroup{ConcertID: "vienna", Group: "A", CommandID: "late"})
	d.send(t, message.RebuildGroup{ConcertID: "vienna", Group: "B", CommandID: "next"})
	for _, l := range d.receive(t, 2) {
		if strings.Contains(l.Body, "late") {
			if err := d.Postpone(t.Context(), l, 3*time.Second); err != nil {
				t.Fatal(err)
			}
		}
	}
	begun := time.Now()
	for _, want := range []string{"next", "late"} {
		l := d.receive(t, 1)[0]
		if !strings.Contains(l.Body, want) {
			t.Fatalf("after %s comes %s, want %s", time.Since(begun), l.Body, want)
		}
		if err := d.Delete(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took < 2500*time.Millisecond {
		t.Errorf("the letter came after %s", took)
	}
}

// Failed stream records go to a standard queue: its letters have no group, no sequence number and no attributes.
func TestStandardQueueIsDrained(t *testing.T) {
	ministacktest.Setenv(t)
	config, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(config)
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("stream-failures"), Attributes: map[string]string{"VisibilityTimeout": "30"}})
	if err != nil {
		t.Fatal(err)
	}
	d := dead{Queue: sqsletters.New(client, "stream-failures", aws.ToString(out.QueueUrl), retry.NoBreaker{}), client: client}
	const letters = 15
	for i := range letters {
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: out.QueueUrl, MessageBody: aws.String(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for len(seen) < letters {
		for _, l := range d.receive(t, 1) {
			if l.MessageID == "" || l.Group != "" || l.Reason != "" || l.Attributes != (message.Attributes{}) || seen[l.Body] {
				t.Errorf("letter %+v", l)
			}
			seen[l.Body] = true
			if err := d.Delete(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := d.Receive(t.Context()); len(got) > 0 || err != nil {
		t.Errorf("%d letters are left, %v", len(got), err)
	}
}
