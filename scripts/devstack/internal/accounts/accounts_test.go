package accounts_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/devstack/internal/accounts"
	"boxoffice/scripts/internal/ministacktest"
)

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

func TestEveryUserGetsAnAccountThatNobodyCanLogInTo(t *testing.T) {
	client := dynamodb.NewFromConfig(emulator.Tenant(t))
	if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("users"), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("accountItem"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("accountItem"), AttributeType: types.ScalarAttributeTypeS}},
	}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 60 {
		ids = append(ids, fmt.Sprintf("load-%d", i+1))
	}
	now := time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, operator := range []bool{true, false} {
		if err := accounts.Write(t.Context(), client, "users", ids, operator, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := accounts.Write(t.Context(), client, "users", []string{"load-60"}, true, now); err != nil {
		t.Fatal(err)
	}
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("users")})
	if err != nil || len(out.Items) != len(ids) {
		t.Fatalf("%d items, %v", len(out.Items), err)
	}
	for _, item := range out.Items {
		var u readmodel.User
		if err := attributevalue.UnmarshalMap(item, &u); err != nil {
			t.Fatal(err)
		}
		if u.Item != readmodel.UserItem(u.UserID) || u.MailKey != "" || u.Operator != (u.UserID == "load-60") || u.Email != u.UserID+"@local.invalid" {
			t.Errorf("account %+v", u)
		}
	}
}
