package dynamoconnection_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamoconnection"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

var now = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTheConnectionsOfABuyer(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	client := dynamodb.NewFromConfig(config)
	for _, c := range []readmodel.Connection{
		{ConnectionID: "older", UserID: "anna", ConnectedAt: contracts.InstantOf(now.Add(-time.Hour))},
		{ConnectionID: "newer", UserID: "anna", ConnectedAt: contracts.InstantOf(now)},
		{ConnectionID: "over", UserID: "anna", ConnectedAt: contracts.InstantOf(now.Add(-3 * time.Hour))}, // its item is not deleted yet
		{ConnectionID: "other", UserID: "bert", ConnectedAt: contracts.InstantOf(now)},
		{ConnectionID: readmodel.UsedTicket("t"), ExpiresAt: 4_000_000_000},
	} {
		item, err := attributevalue.MarshalMap(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("connections"), Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	s := dynamoconnection.New(client, "connections", retry.NoBreaker{}, func() time.Time { return now })
	want := func(user string, ids ...string) {
		t.Helper()
		all, err := s.Of(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range all {
			got = append(got, c.ConnectionID)
			if c.UserID != user || c.ConnectedAt == 0 {
				t.Errorf("%+v", c)
			}
		}
		if !slices.Equal(got, ids) {
			t.Errorf("%s has %v, want %v", user, got, ids)
		}
	}
	want("anna", "newer", "older")
	want("nobody")
	for range 2 {
		if err := s.Forget(t.Context(), "newer"); err != nil {
			t.Fatal(err)
		}
	}
	want("anna", "older")
	throttled := awsfaults.Throttled("ProvisionedThroughputExceededException")
	faults.Next("Query", throttled, throttled)
	if _, err := s.Of(t.Context(), "anna"); err == nil {
		t.Error("a failed read is taken for a buyer without connections")
	}
}
