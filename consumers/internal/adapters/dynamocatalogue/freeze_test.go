package dynamocatalogue_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts/readmodel"
)

// A mark is set once, only for the version that the row has, and nothing else of the row changes.
func TestFreeze(t *testing.T) {
	config := ministacktest.Load(t)
	client := dynamodb.NewFromConfig(config)
	item, err := attributevalue.MarshalMap(readmodel.Concert{ConcertID: "nocturne", Title: "Nocturne", LayoutVersion: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("concerts"), Item: item}); err != nil {
		t.Fatal(err)
	}
	catalogue := dynamocatalogue.New(client, dynamocatalogue.Tables{Concerts: "concerts", Layouts: "layouts"}, retry.NoBreaker{}, time.Now)
	for _, step := range []struct {
		concert string
		version int
		done    bool
	}{{"nocturne", 1, false}, {"nothing", 2, false}, {"nocturne", 2, true}, {"nocturne", 2, false}, {"nocturne", 3, false}} {
		if done, err := catalogue.Freeze(t.Context(), step.concert, step.version); done != step.done || err != nil {
			t.Errorf("%s at %d: %t, %v", step.concert, step.version, done, err)
		}
	}
	concerts, err := catalogue.Concerts(t.Context())
	if err != nil || len(concerts) != 1 || concerts[0].LayoutFrozen != 2 || concerts[0].LayoutVersion != 2 || concerts[0].Title != "Nocturne" {
		t.Errorf("%+v, %v", concerts, err)
	}
}
