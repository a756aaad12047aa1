package dynamouser_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/dynamouser"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts/readmodel"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

func TestAnAccountIsRead(t *testing.T) {
	config := ministacktest.Load(t)
	faults := awsfaults.Into(&config)
	client := dynamodb.NewFromConfig(config)
	put := func(item map[string]types.AttributeValue) {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("users"), Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	want := readmodel.User{UserID: "u1", Email: "c4n4ry@example.com", MailKey: "c4n4ry@example.com", EmailConfirmed: true, Name: "C4n4ry", Locale: "de", ConfirmNonce: "n1", ResetNonce: "n2"}
	stored := want
	stored.Item, stored.Operator, stored.SessionEpoch = readmodel.UserItem("u1"), true, 7
	item, err := attributevalue.MarshalMap(stored)
	if err != nil {
		t.Fatal(err)
	}
	put(item)
	s := dynamouser.New(client, "users", retry.NoBreaker{})
	if u, found, err := s.User(t.Context(), "u1"); err != nil || !found || u != want {
		t.Errorf("%+v, %t, %v", u, found, err)
	}
	if _, found, err := s.User(t.Context(), "u2"); err != nil || found {
		t.Errorf("%t, %v", found, err)
	}
	// An item of another form, and a failed read, are errors that show nothing of the item.
	put(map[string]types.AttributeValue{
		"accountItem": &types.AttributeValueMemberS{Value: readmodel.UserItem("u3")}, "name": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"c4n4ry": &types.AttributeValueMemberS{Value: "c4n4ry"}}},
	})
	if _, _, err := s.User(t.Context(), "u3"); err == nil || strings.Contains(err.Error(), "c4n4ry") {
		t.Errorf("%v", err)
	}
	throttled := awsfaults.Throttled("ProvisionedThroughputExceededException")
	faults.Next("GetItem", throttled, throttled)
	if _, _, err := s.User(t.Context(), "u1"); err == nil {
		t.Error("a failed read is taken for an account that does not exist")
	}
	consistent := false
	for faults.Left() > 0 {
		_, _, _ = s.User(t.Context(), "u1")
	}
	faults.Next("GetItem", awsfaults.Seen(func(body map[string]any) { consistent, _ = body["ConsistentRead"].(bool) }))
	if _, _, err := s.User(t.Context(), "u1"); err != nil || !consistent {
		t.Errorf("consistent %t, %v: a link that was made a moment ago would look old", consistent, err)
	}
}
