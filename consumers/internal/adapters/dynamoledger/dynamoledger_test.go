package dynamoledger_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/dynamoledger"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ledgertest"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

const table = "deadletters"

func TestConformance(t *testing.T) {
	client := dynamodb.NewFromConfig(ministacktest.Load(t))
	ledgertest.Exercise(t, func(t *testing.T) ledgertest.Store {
		out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table)})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range out.Items {
			key := map[string]types.AttributeValue{"messageKey": item["messageKey"]}
			if _, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: key}); err != nil {
				t.Fatal(err)
			}
		}
		return dynamoledger.New(client, table, retry.NoBreaker{})
	})
}

// A failed read is never taken for "not known" or "no cursor", and a note has the time from which DynamoDB may delete it.
func TestFailedCallsAreErrors(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	s := dynamoledger.New(dynamodb.NewFromConfig(config), table, retry.NoBreaker{})
	throttle := awsfaults.Throttled("ProvisionedThroughputExceededException")
	note := readmodel.LedgerNote{MessageKey: readmodel.DifferenceKey("pi_9", "disputed", 0), PaymentIntentID: "pi_9", Reason: "disputed", At: 1000, ExpiresAt: 4_000_000_000}
	for name, c := range map[string]struct {
		operation string
		call      func() error
	}{
		"known":  {"GetItem", func() error { _, err := s.Known(t.Context(), note.MessageKey); return err }},
		"cursor": {"GetItem", func() error { _, err := s.Cursor(t.Context()); return err }},
		"note":   {"PutItem", func() error { return s.Note(t.Context(), note) }},
		"move": {"PutItem", func() error {
			return s.MoveCursor(t.Context(), readmodel.LedgerCursor{MessageKey: readmodel.LedgerCursorKey, SlicesTo: 1})
		}},
	} {
		faults.Next(c.operation, throttle, throttle)
		if err := c.call(); err == nil || retry.Classify(err).Class != retry.ClassRetryable {
			t.Errorf("%s, throttled: %v", name, err)
		}
		// The SDK's own attempts may be one or two.
		for faults.Left() > 0 {
			_ = c.call()
		}
		if err := c.call(); err != nil {
			t.Errorf("%s, well again: %v", name, err)
		}
	}
	out, err := dynamodb.NewFromConfig(config).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(table), Key: map[string]types.AttributeValue{"messageKey": &types.AttributeValueMemberS{Value: note.MessageKey}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := out.Item["expiresAt"].(*types.AttributeValueMemberN); !ok || at.Value != "4000000000" {
		t.Errorf("stored %+v", out.Item)
	}
}

// The emulator makes every read consistent, so only the request shows whether DynamoDB would. A run that reads an old
// cursor requests the same slices again; one that misses a note reports its difference again.
func TestReadsAreConsistent(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	s := dynamoledger.New(dynamodb.NewFromConfig(config), table, retry.NoBreaker{})
	for name, read := range map[string]func() error{
		"a note":     func() error { _, err := s.Known(t.Context(), "key"); return err },
		"the cursor": func() error { _, err := s.Cursor(t.Context()); return err },
	} {
		consistent := false
		faults.Next("GetItem", awsfaults.Seen(func(body map[string]any) { consistent, _ = body["ConsistentRead"].(bool) }))
		if err := read(); err != nil || !consistent || faults.Left() > 0 {
			t.Errorf("%s: consistent %v, %v", name, consistent, err)
		}
	}
}
