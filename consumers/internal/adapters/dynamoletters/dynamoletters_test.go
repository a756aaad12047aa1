package dynamoletters_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamoletters"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

func open(t *testing.T) (*dynamoletters.Store, *dynamodb.Client, *awsfaults.Faults) {
	t.Helper()
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	client := dynamodb.NewFromConfig(config)
	return dynamoletters.New(client, "deadletters", retry.NewBreaker("deadletters", retry.BreakerOptions{Failures: 2, IsSuccessful: dynamoletters.Healthy})), client, faults
}

func stored(t *testing.T, client *dynamodb.Client) []readmodel.DeadLetter {
	t.Helper()
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("deadletters")})
	if err != nil {
		t.Fatal(err)
	}
	var all []readmodel.DeadLetter
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// long is a letter as large as SQS lets a message be.
func long() readmodel.DeadLetter {
	return readmodel.DeadLetter{
		MessageKey: readmodel.DrainedKey("m-1"), Queue: "orders-dead", Kind: "PlaceOrder", OrderID: "e1", SeatGroup: "c#A", Reason: "malformed",
		Body: strings.Repeat("é", 1<<18), Attributes: map[string]string{"kind": "PlaceOrder", "userId": strings.Repeat("€", 1<<17)}, At: contracts.Instant(7),
	}
}

// The largest possible message, cut by Fitted, fits into an item and reads as it was written; a repeat is the same letter.
func TestLargestLetterIsStored(t *testing.T) {
	store, client, _ := open(t)
	letter := long().Fitted()
	for range 2 {
		if err := store.Keep(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	if all := stored(t, client); len(all) != 1 || !reflect.DeepEqual(all[0], letter) {
		t.Errorf("%d letters are stored", len(all))
	}
}

// A refused item is told apart from an unreachable table. Only the latter opens the breaker, so that one letter does not
// block the others.
func TestRefusedLetterIsPoison(t *testing.T) {
	store, client, faults := open(t)
	for range 4 {
		if err := store.Keep(t.Context(), long()); retry.Classify(err).Class != retry.ClassPoison || !dynamoletters.Healthy(err) {
			t.Fatalf("a letter of 900 KB: %v", err)
		}
	}
	good := readmodel.DeadLetter{MessageKey: readmodel.DrainedKey("m-2"), Body: "b"}
	throttle := awsfaults.Throttled("ProvisionedThroughputExceededException")
	faults.Next("PutItem", throttle, throttle)
	if err := store.Keep(t.Context(), good); err == nil || retry.Classify(err).Class == retry.ClassPoison || dynamoletters.Healthy(err) || faults.Left() > 0 {
		t.Errorf("throttled: %v", err)
	}
	if err := store.Keep(t.Context(), good); err != nil {
		t.Errorf("well again: %v", err)
	}
	if all := stored(t, client); len(all) != 1 || !reflect.DeepEqual(all[0], good) {
		t.Errorf("stored are %d letters", len(all))
	}
}
