package dynamoletters_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// The list has letters of every kind, the newest first, and neither notes of attempts nor rows of another list.
func TestListHasTheNewestLetters(t *testing.T) {
	store, client, _ := open(t)
	for i := range 7 {
		letter := readmodel.DeadLetter{MessageKey: readmodel.DrainedKey(fmt.Sprint(i)), Queue: "orders-dead", At: contracts.Instant(1000 + i)}
		if i == 3 {
			letter.MessageKey, letter.Queue = readmodel.EventKey("e1", 3), ""
		}
		if err := store.Keep(t.Context(), letter.Fitted()); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []any{
		readmodel.DeadLetter{MessageKey: readmodel.AttemptsKey("m"), Attempts: 1},
		readmodel.LedgerNote{MessageKey: readmodel.DifferenceKey("pi", "w", 0), At: 1004}.Listed(),
	} {
		item, err := attributevalue.MarshalMap(row)
		if err == nil {
			_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("deadletters"), Item: item})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		list  string
		from  contracts.Instant
		limit int
		want  string
		more  bool
	}{
		{readmodel.ListLetters, 0, 7, "[1006 orders-dead 1005 orders-dead 1004 orders-dead 1003 events 1002 orders-dead 1001 orders-dead 1000 orders-dead]", false},
		{readmodel.ListLetters, 0, 2, "[1006 orders-dead 1005 orders-dead]", true},
		{readmodel.ListLetters, 1005, 100, "[1006 orders-dead 1005 orders-dead]", false},
		{readmodel.ListLetters, 1007, 100, "[]", false},
		{readmodel.ListDifferences, 0, 100, "[1004 differences]", false},
	} {
		keys, more, err := store.List(t.Context(), c.list, c.from, c.limit)
		got := []any{}
		for _, key := range keys {
			at, source, ok := key.Source()
			if !ok || key.MessageKey == "" {
				t.Errorf("key %+v", key)
			}
			got = append(got, int64(at), source)
		}
		if err != nil || fmt.Sprint(got) != c.want || more != c.more {
			t.Errorf("%s from %d, %d at most: %v, %t, %v", c.list, c.from, c.limit, got, more, err)
		}
	}
}
