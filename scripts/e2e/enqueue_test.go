package e2e

import (
	"cmp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/scripts/internal/testbed"
)

// enqueue sends a message to its queue, by default orders. It is for messages that no request can cause at will.
func (s *stack) enqueue(t *testing.T, m message.Encoded) {
	t.Helper()
	attributes := map[string]types.MessageAttributeValue{}
	for name, value := range m.Attributes.Map() {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	in := &sqs.SendMessageInput{QueueUrl: aws.String(s.Queue(cmp.Or(string(m.Queue), "orders"))), MessageBody: &m.Body, MessageAttributes: attributes}
	if m.Queue != message.QueueNotifications { // a standard queue, which has neither
		in.MessageGroupId, in.MessageDeduplicationId = &m.Group, &m.DeduplicationID
	}
	if _, err := s.Queues.SendMessage(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// newOrderID returns a well-formed id that no other order has. Its tag is invalid, so the order has a row but no buyer can read
// it.
func newOrderID(t *testing.T) contracts.OrderID {
	t.Helper()
	id, err := contracts.ParseOrderID("e1" + strings.ToLower(strings.NewReplacer("I", "1", "L", "1", "O", "0", "U", "v").Replace(testbed.Named("")[1:])) + strings.Repeat("0", 20))
	if err != nil {
		t.Fatal(err)
	}
	return id
}
