package dynamocatalogue_test

import (
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts/readmodel"
)

var tables = dynamocatalogue.Tables{Concerts: "concerts", Layouts: "layouts"}

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

// A throttled read is retryable, is not cached, and is never taken for a missing row: that would be poison, and its order
// would be refused.
func TestThrottledIsNotMissing(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	client := dynamodb.NewFromConfig(config)
	write(t, client, "concerts", []readmodel.Concert{{ConcertID: "nocturne", LayoutVersion: 1}})
	putLayout(t, client, "nocturne", 1, hall(2))
	catalogue := dynamocatalogue.New(client, tables, retry.NoBreaker{}, time.Now)
	throttle := awsfaults.Throttled("ProvisionedThroughputExceededException")
	for _, test := range []struct {
		name string
		read func(concert string) error
	}{
		{"concert", func(concert string) error { _, err := catalogue.Concert(t.Context(), concert); return err }},
		{"group", func(concert string) error {
			_, err := dynamocatalogue.New(client, tables, retry.NoBreaker{}, time.Now).LayoutGroup(t.Context(), concert, 1, "G-1")
			return err
		}},
		{"layout", func(concert string) error { _, err := catalogue.Layout(t.Context(), concert, 1); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			faults.Next("GetItem", throttle, throttle)
			if err := test.read("nocturne"); err == nil || retry.Classify(err).Class != retry.ClassRetryable || faults.Left() > 0 {
				t.Errorf("throttled: %v", err)
			}
			if err := test.read("nocturne"); err != nil {
				t.Errorf("well again: %v", err)
			}
			if err := test.read("no such concert"); retry.Classify(err).Class != retry.ClassPoison {
				t.Errorf("not there: %v", err)
			}
			// Only the second read of a layout, which is consistent, shows that it is missing.
			if test.name != "concert" {
				faults.Next("GetItem", awsfaults.Seen(func(map[string]any) {}), throttle, throttle)
				if err := test.read("no such concert"); err == nil || retry.Classify(err).Class != retry.ClassRetryable || faults.Left() > 0 {
					t.Errorf("throttled at the second read: %v", err)
				}
			}
		})
	}
}
