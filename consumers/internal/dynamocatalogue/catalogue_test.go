package dynamocatalogue_test

import (
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/awsfaults"
	"boxoffice/consumers/internal/dynamocatalogue"
	"boxoffice/consumers/internal/ministacktest"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

// A read that is throttled returns the message, is not remembered, and is never taken for a row that is not there: that
// one is poison, and its order would be refused.
func TestThrottledIsNotMissing(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	client := dynamodb.NewFromConfig(config)
	layout := readmodel.LayoutGroup{ConcertLayout: readmodel.LayoutKey("nocturne", 1), Group: "A", Seats: []string{"A-1"}}
	for table, row := range map[string]any{"concerts": readmodel.Concert{ConcertID: "nocturne", LayoutVersion: 1}, "layouts": layout} {
		item, err := attributevalue.MarshalMap(row)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	catalogue := dynamocatalogue.New(client, dynamocatalogue.Tables{Concerts: "concerts", Layouts: "layouts"}, retry.NoBreaker{}, time.Now)
	throttle := awsfaults.Throttled("ProvisionedThroughputExceededException")
	for _, test := range []struct {
		name, operation string
		read            func(concert string) error
	}{
		{"concert", "GetItem", func(concert string) error { _, err := catalogue.Concert(t.Context(), concert); return err }},
		{"group", "GetItem", func(concert string) error { _, err := catalogue.LayoutGroup(t.Context(), concert, 1, "A"); return err }},
		{"layout", "Query", func(concert string) error { _, err := catalogue.Layout(t.Context(), concert, 1); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			faults.Next(test.operation, throttle, throttle)
			if err := test.read("nocturne"); err == nil || retry.Classify(err).Class != retry.ClassRetryable || faults.Left() > 0 {
				t.Errorf("throttled: %v", err)
			}
			if err := test.read("nocturne"); err != nil {
				t.Errorf("well again: %v", err)
			}
			if test.operation == "GetItem" {
				if err := test.read("no such concert"); retry.Classify(err).Class != retry.ClassPoison {
					t.Errorf("not there: %v", err)
				}
			}
		})
	}
}
