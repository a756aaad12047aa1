package dynamosent_test

import (
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/dynamosent"
	"boxoffice/consumers/internal/notify"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/senttest"
	"boxoffice/contracts/message"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

const table = "sent"

func TestConformance(t *testing.T) {
	client := dynamodb.NewFromConfig(ministacktest.Load(t))
	senttest.Exercise(t, func(t *testing.T) notify.Sent {
		out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table)})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range out.Items {
			if _, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: map[string]types.AttributeValue{"effect": item["effect"]}}); err != nil {
				t.Fatal(err)
			}
		}
		return dynamosent.New(client, table, retry.NoBreaker{})
	})
}

// A failed call is never taken for "may send" or "gets mails".
func TestFailedCallsAreErrors(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	s := dynamosent.New(dynamodb.NewFromConfig(config), table, retry.NoBreaker{})
	throttled := awsfaults.Throttled("ProvisionedThroughputExceededException")
	for name, c := range map[string]struct {
		operation string
		call      func() error
	}{
		"claim":         {"UpdateItem", func() error { _, err := s.Claim(t.Context(), "e", 1, 2, time.Unix(4e9, 0)); return err }},
		"raise":         {"UpdateItem", func() error { _, _, err := s.Raise(t.Context(), "e", 1, time.Unix(4e9, 0)); return err }},
		"done":          {"UpdateItem", func() error { return s.Done(t.Context(), "e", time.Unix(4e9, 0)) }},
		"stop":          {"UpdateItem", func() error { return s.Stop(t.Context(), "u", message.MailBounced, 1) }},
		"read":          {"GetItem", func() error { _, err := s.Stopped(t.Context(), "u"); return err }},
		"lower to none": {"DeleteItem", func() error { return s.Lower(t.Context(), "e", 1, 0) }},
		"lower":         {"UpdateItem", func() error { return s.Lower(t.Context(), "e", 2, 1) }},
	} {
		faults.Next(c.operation, throttled, throttled)
		if err := c.call(); err == nil {
			t.Errorf("%s: no error", name)
		}
		for faults.Left() > 0 {
			_ = c.call()
		}
	}
}
