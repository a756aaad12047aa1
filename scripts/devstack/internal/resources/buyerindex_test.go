package resources

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// The index of a buyer's orders pages to its end from the key of any order, the newest first, also where several orders were
// accepted in the same millisecond. It has neither the orders of other buyers nor those without a known one.
func TestTheIndexOfABuyersOrdersPagesToItsEnd(t *testing.T) {
	cfg, spec := emulator.Tenant(t), specification(t)
	made, err := Ensure(t.Context(), cfg, spec)
	if err != nil {
		t.Fatal(err)
	}
	client, table := dynamodb.NewFromConfig(cfg), made.Values["tableName:orders"]
	for n := range 12 {
		for _, user := range []string{"anna", "ben", ""} {
			item, err := attributevalue.MarshalMap(readmodel.Order{OrderID: contracts.OrderID(fmt.Sprintf("e%02d%s", n, user)), UserID: user, AcceptedAt: contracts.Instant(1000 + n/4)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := map[contracts.OrderID]bool{}
	var times []contracts.Instant
	var from map[string]types.AttributeValue
	for range 20 {
		out, err := client.Query(t.Context(), &dynamodb.QueryInput{
			TableName: &table, IndexName: aws.String(readmodel.IndexBuyer), KeyConditionExpression: aws.String("userId = :user"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":user": &types.AttributeValueMemberS{Value: "anna"}},
			ScanIndexForward:          aws.Bool(false), Limit: aws.Int32(3), ExclusiveStartKey: from,
		})
		if err != nil {
			t.Fatal(err)
		}
		var keys []readmodel.OrderKey
		if err := attributevalue.UnmarshalListOfMaps(out.Items, &keys); err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		for _, key := range keys {
			if seen[key.OrderID] || key.UserID != "anna" {
				t.Errorf("%+v is there again, or another buyer's", key)
			}
			seen[key.OrderID] = true
			times = append(times, key.AcceptedAt)
		}
		if from, err = attributevalue.MarshalMap(keys[len(keys)-1]); err != nil {
			t.Fatal(err)
		}
	}
	newestFirst := slices.IsSortedFunc(times, func(a, b contracts.Instant) int { return int(b - a) })
	if len(seen) != 12 || !newestFirst {
		t.Errorf("%d orders at %v", len(seen), times)
	}
}
