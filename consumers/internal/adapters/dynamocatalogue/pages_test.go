package dynamocatalogue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts/readmodel"
)

// open returns a catalogue over a server with empty tables.
func open(t *testing.T) (*dynamocatalogue.Catalogue, *dynamodb.Client, *awsfaults.Faults) {
	t.Helper()
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	client := dynamodb.NewFromConfig(config)
	return dynamocatalogue.New(client, tables, retry.NoBreaker{}, time.Now), client, faults
}

// write puts rows into a table, 25 a call.
func write[R any](t *testing.T, client *dynamodb.Client, table string, rows []R) {
	t.Helper()
	for len(rows) > 0 {
		n := min(len(rows), 25)
		var requests []types.WriteRequest
		for _, row := range rows[:n] {
			item, err := attributevalue.MarshalMap(row)
			if err != nil {
				t.Fatal(err)
			}
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
		}
		out, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: requests}})
		if err != nil || len(out.UnprocessedItems) > 0 {
			t.Fatalf("%v, %d left", err, len(out.UnprocessedItems))
		}
		rows = rows[n:]
	}
}

// A list longer than the 1 MB of a page is read to its end.
func TestEveryPageIsRead(t *testing.T) {
	catalogue, client, faults := open(t)
	long := strings.Repeat("x", 9000)
	concerts := make([]readmodel.Concert, 250)
	for i := range concerts {
		concerts[i] = readmodel.Concert{ConcertID: fmt.Sprintf("c-%d", i), Description: long, LayoutVersion: 1}
	}
	write(t, client, "concerts", concerts)
	all, err := catalogue.Concerts(t.Context())
	if err != nil || len(all) != len(concerts) {
		t.Errorf("%d concerts, %v, want %d", len(all), err, len(concerts))
	}
	if n := faults.Attempts("Scan"); n < 2 {
		t.Fatalf("the concerts came in %d page, so that nothing was shown", n)
	}
}

// A concert that this program cannot decode does not hide the others: the error names it, and the others are returned.
func TestUndecodableConcertHidesNoOther(t *testing.T) {
	catalogue, client, _ := open(t)
	write(t, client, "concerts", []readmodel.Concert{{ConcertID: "a", LayoutVersion: 1}, {ConcertID: "b", LayoutVersion: 1}})
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("concerts"), Item: map[string]types.AttributeValue{
		"concertId": &types.AttributeValueMemberS{Value: "odd"}, "onSaleAt": &types.AttributeValueMemberS{Value: "no number"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := catalogue.Concerts(t.Context()); len(all) != 2 || err == nil || !strings.Contains(err.Error(), "odd") {
		t.Errorf("%+v, %v", all, err)
	}
}
