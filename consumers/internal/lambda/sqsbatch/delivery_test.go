package sqsbatch

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// fromAWS is a record as AWS documents it for FIFO queues, with the attributes of this product.
const fromAWS = `{
  "messageId": "11d6ee51-4cc7-4302-9e22-7cd8afdaadf5",
  "receiptHandle": "AQEBBX8nesZEXmkhsmZeyIE8iQAMig7qw",
  "body": "{\"kind\":\"PlaceOrder\",\"v\":1}",
  "attributes": {
    "ApproximateReceiveCount": "3", "SentTimestamp": "1573251510774", "SequenceNumber": "18849496460467696128",
    "MessageGroupId": "concert#a", "SenderId": "AIDAIO23YVJENQZJOL4VO", "MessageDeduplicationId": "1", "ApproximateFirstReceiveTimestamp": "1573251510774"
  },
  "messageAttributes": {
    "kind": {"stringValue": "PlaceOrder", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
    "orderId": {"stringValue": "e0123", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
    "userId": {"stringValue": "u1", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
    "concertId": {"stringValue": "concert", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
    "group": {"stringValue": "a", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
    "trace": {"stringValue": "t1", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
    "picture": {"binaryValue": "AAEC", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"}
  },
  "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
  "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:orders.fifo", "awsRegion": "us-east-2"
}`

func TestItemOfARecordFromAWS(t *testing.T) {
	var record events.SQSMessage
	if err := json.Unmarshal([]byte(fromAWS), &record); err != nil {
		t.Fatal(err)
	}
	want := item{
		Delivery: message.Delivery{
			MessageID: "11d6ee51-4cc7-4302-9e22-7cd8afdaadf5", SequenceNumber: "18849496460467696128", Group: "concert#a",
			SentAt: 1573251510774, ReceiveCount: 3, Body: `{"kind":"PlaceOrder","v":1}`,
			Attributes: message.Attributes{Kind: message.KindPlaceOrder, OrderID: "e0123", UserID: "u1", ConcertID: "concert", Group: "a", Trace: "t1"},
		},
		receipt: Receipt{MessageID: "11d6ee51-4cc7-4302-9e22-7cd8afdaadf5", Handle: "AQEBBX8nesZEXmkhsmZeyIE8iQAMig7qw"},
	}
	if got := itemOf(record); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestNumberOfIsAtLeastLeast(t *testing.T) {
	for _, c := range []struct {
		text        string
		least, want int64
	}{{"7", 1, 7}, {"0", 1, 1}, {"-7", 1, 1}, {"", 1, 1}, {"x", 0, 0}, {"99999999999999999999", 0, 0}, {"1.5", 1, 1}} {
		if got := numberOf(c.text, c.least); got != c.want {
			t.Errorf("numberOf(%q, %d) = %d, want %d", c.text, c.least, got, c.want)
		}
	}
}

// Whatever the records contain, split loses none, keeps their order, and leaves unknown attributes unset.
func FuzzSplit(f *testing.F) {
	f.Add([]byte(`{"Records":[` + fromAWS + `]}`))
	f.Add([]byte(`{"Records":[{"messageId":"1"},{"messageId":"2","attributes":{"MessageGroupId":"a","SentTimestamp":"-1"}}]}`))
	f.Add([]byte(`{"Records":[{"messageId":"1","messageAttributes":{"kind":{"binaryValue":"AAEC"}}},{"messageId":"1"}]}`))
	f.Add([]byte(`{"Records":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var event events.SQSEvent
		if json.Unmarshal(data, &event) != nil {
			t.Skip("not an event: aws-lambda-go refuses it earlier")
		}
		groups, err := (&Batches{}).split(event)
		if err != nil {
			ids := map[string]bool{"": true}
			for _, r := range event.Records {
				if ids[r.MessageId] {
					return
				}
				ids[r.MessageId] = true
			}
			t.Fatalf("refused although each record has an id of its own: %v", err)
		}
		byGroup := map[string][]string{}
		for _, r := range event.Records {
			byGroup[r.Attributes["MessageGroupId"]] = append(byGroup[r.Attributes["MessageGroupId"]], r.MessageId)
		}
		split := map[string][]string{}
		for _, g := range groups {
			for _, m := range g.items {
				split[m.Group] = append(split[m.Group], m.MessageID)
				if m.ReceiveCount < 1 || m.SentAt < contracts.Instant(0) || m.receipt.MessageID != m.MessageID {
					t.Errorf("item %+v", m)
				}
			}
		}
		if !maps.EqualFunc(split, byGroup, slices.Equal) {
			t.Errorf("split %v, want %v", split, byGroup)
		}
	})
}
